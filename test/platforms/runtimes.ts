import { match } from 'node:assert/strict'
import { AGENT, agentEnv, expectAgent, GATEWAY, type Platform } from './platform.ts'

const deno: Platform = {
  name: 'deno',
  versions: 'Deno 2.9.6',
  isQuick: true,
  packages: { ...GATEWAY, deno: '2.9.6' },
  fixtures: AGENT,
  cases: [
    {
      name: 'an agent',
      run: async ({ run }, world) =>
        expectAgent(await run('deno', ['run', '-A', 'agent.mjs'], { env: agentEnv(world) })),
    },
  ],
}

const oldDeno: Platform = {
  name: 'deno-2.0.0',
  versions: 'Deno 2.0.0',
  isQuick: true,
  packages: { ...GATEWAY, deno: '2.0.0' },
  fixtures: AGENT,
  cases: [
    {
      name: 'is refused by name',
      async run({ run }, world) {
        const { err } = await run('deno', ['run', '-A', 'agent.mjs'], { env: agentEnv(world) })
        match(err, /needs Node 20\.18 or 22\.3, or a newer one; this is Deno 2\.0\.0/)
        return 'refused'
      },
    },
  ],
}

const bun: Platform = {
  name: 'bun',
  versions: 'Bun 1.4.5',
  isQuick: true,
  packages: { ...GATEWAY, bun: '1.4.5' },
  fixtures: AGENT,
  cases: ['agent.mjs', 'agent.cjs'].map((agent) => ({
    name: agent.endsWith('.cjs') ? 'CommonJS' : 'ES modules',
    run: async ({ run }, world) => expectAgent(await run('bun', [agent], { env: agentEnv(world) })),
  })),
}

const CONFIG = { name: 'agent', main: 'worker.mjs', compatibility_date: '2026-07-01' }

const workers: Platform = {
  name: 'workers',
  versions: 'wrangler 4.164.0 (workerd)',
  isQuick: true,
  packages: {
    ...GATEWAY,
    '@hotdash/llm-gateway-testing': 'tarball:testing',
    wrangler: '4.164.0',
    miniflare: '4.20260730.0',
  },
  fixtures: [...AGENT, 'worker.mjs', 'workerd.mjs'],
  cases: [
    {
      name: 'an agent, with nodejs_compat and without Redis',
      async run({ run, write }, { baseURL }) {
        write('wrangler.json', JSON.stringify({ ...CONFIG, compatibility_flags: ['nodejs_compat'] }))
        const built = await run('wrangler', ['deploy', '--dry-run', '--outdir', 'with'])
        if (built.code !== 0 || /warn/i.test(built.err)) throw new Error(`${built.out}${built.err}`)
        return expectAgent(await run('node', ['workerd.mjs', 'with', baseURL]), 'none')
      },
    },
    {
      name: 'one client for all requests: the same question three times at once, and again',
      async run({ run }) {
        const { out, err } = await run('node', ['workerd.mjs', 'with'])
        if (out !== 'miss miss miss exact\n') throw new Error(`${out}${err}`)
        return undefined
      },
    },
    {
      name: 'without nodejs_compat the build names the flag',
      async run({ run, write }) {
        write('wrangler.json', JSON.stringify(CONFIG))
        const { out, err } = await run('wrangler', ['deploy', '--dry-run', '--outdir', 'without'])
        match(`${out}${err}`, /nodejs_compat/)
        return 'refused'
      },
    },
  ],
}

export const runtimes: Platform[] = [deno, oldDeno, bun, workers]
