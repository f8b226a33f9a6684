import { AGENT, agentEnv, expectAgent, type Platform } from './platform.ts'

/** The oldest and the newest version of each supported major version, with a version of zod that it accepts. */
const VERSIONS = {
  '5.0.0': '3.25.76',
  '5.23.2': '3.25.76',
  '6.0.0': '3.25.76',
  '6.49.0': '4.6.7',
  '7.0.0': '4.6.7',
  '7.59.0': '4.6.7',
}

export const openai: Platform[] = Object.entries(VERSIONS).map(([version, zod]) => ({
  name: `openai-${version}`,
  versions: `openai ${version}, zod ${zod}`,
  isQuick: true,
  packages: { '@hotdash/llm-gateway': 'tarball:gateway', openai: version, zod },
  fixtures: [...AGENT, 'helpers.mjs'],
  cases: [
    ...(['agent.mjs', 'agent.cjs'].map((agent) => ({
      name: `calls, streams, refusals: ${agent.endsWith('.cjs') ? 'CommonJS' : 'ES modules'}`,
      run: async ({ run }, world) => expectAgent(await run('node', [agent], { env: agentEnv(world) })),
    })) satisfies Platform['cases']),
    {
      name: 'helpers: parse, runTools, streams of events',
      async run({ run }, world) {
        const { code, out, err } = await run('node', ['helpers.mjs'], { env: agentEnv(world) })
        if (code !== 0 || out !== 'ok\n') throw new Error(`exit code ${code}: ${out}${err.slice(-2_000)}`)
        return undefined
      },
    },
  ],
}))
