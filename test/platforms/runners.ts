import type { Lab } from './lab.ts'
import { agentEnv, GATEWAY, type Platform, type World } from './platform.ts'

const PACKAGES = { ...GATEWAY, '@hotdash/llm-gateway-testing': 'tarball:testing' }

async function passes({ run }: Lab, world: World, program: string, args: string[]): Promise<undefined> {
  const { code, out, err } = await run(program, args, { env: agentEnv(world) })
  if (code !== 0 || /did not exit|torn down|Unhandled/.test(`${out}${err}`))
    throw new Error(`exit code ${code}: ${out.slice(-2_000)}${err.slice(-3_000)}`)
}

const jest: Platform = {
  name: 'jest',
  versions: 'Jest 30.5.2',
  isQuick: true,
  type: 'commonjs',
  packages: { ...PACKAGES, jest: '30.5.2' },
  fixtures: ['exercise.cjs', 'agent.jest.js'],
  cases: [
    {
      name: 'its default configuration: an agent, an interrupted stream, fake timers',
      run: (lab, world) => passes(lab, world, 'jest', ['--testRegex', 'agent\\.jest\\.js$']),
    },
  ],
}

const vitest: Platform = {
  name: 'vitest',
  versions: 'Vitest 5.1.2',
  isQuick: true,
  packages: { ...PACKAGES, vitest: '5.1.2' },
  fixtures: ['exercise.cjs', 'agent.vitest.mjs'],
  cases: [
    {
      name: 'its default configuration: an agent, fake timers',
      async run(lab, world) {
        lab.write('vitest.config.mjs', "export default { test: { include: ['agent.vitest.mjs'] } }\n")
        return await passes(lab, world, 'vitest', ['run'])
      },
    },
  ],
}

export const runners: Platform[] = [jest, vitest]
