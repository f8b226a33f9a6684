import { spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Policy } from '@hotdash/llm-gateway'
import { parse, stringify } from 'yaml'
import { installLitellm, litellmVersion } from '../../litellm/install.ts'
import { litellmConfig } from '../../litellm/support.ts'
import { freePort, type RedisServer } from '../../redis/server.ts'
import { until } from '../../until.ts'
import { type Usage, usageOf } from '../serve/family.ts'
import { KEY, litellm, type Side, serve, sha256 } from '../serve/sides.ts'
import type { Peer } from './peers.ts'
import { policyWith } from './sides/ours.ts'

export type Server = {
  /** With `/v1`. */
  url: string
  apiKey: string
  headers?: Record<string, string>
  version: string
  startMs: number
  usage: () => Usage | undefined
  close: () => Promise<void>
}
export type Under = {
  keep: string
  upstream: string
  redis: RedisServer | undefined
  cap: number | undefined
}

/** `undefined`: this peer has no server. */
export async function startProxy(peer: Peer, under: Under): Promise<Server | undefined> {
  if (peer.proxy === undefined) return undefined
  if (peer.proxy === 'portkey')
    return await timed(`@portkey-ai/gateway ${peer.npm?.['@portkey-ai/gateway']}`, () => portkey(peer, under))
  const { redis } = under
  if (redis === undefined) throw new Error(`${peer.name} needs a Redis`)
  const policy = under.cap === undefined ? undefined : capped(under.cap)
  if (peer.proxy === 'serve')
    return await timed('this checkout', async () => proxyOf(await serve(under.upstream, redis, policy)))
  const installed = installLitellm()
  if ('missing' in installed) throw new Error(installed.missing)
  process.env.TEST_LITELLM = installed.program
  return await timed(`litellm ${litellmVersion}`, async () =>
    proxyOf(
      await litellm(under.upstream, redis, peer.workers ?? 1, policy && litellmFiles(policy, under.cap)),
    ),
  )
}

/** The team of `serve/sides.ts`, whose dollars are limited. */
function capped(cap: number): Policy {
  const policy = policyWith(true, cap)
  const bench = policy.teams?.bench
  return { ...policy, teams: { bench: { agents: [], ...bench, keys: [sha256(KEY)] } } }
}

/** Without a database it limits no dollars of keys or teams, but those of a provider, in Redis. */
function litellmFiles(policy: Policy, cap = 0): Record<string, string> {
  const files = litellmConfig(policy, '--auth', 'file')
  const config = parse(files['config.yaml'] ?? '') as { router_settings?: object }
  const budget = { openai: { budget_limit: cap, time_period: '1d' } }
  config.router_settings = { ...config.router_settings, provider_budget_config: budget }
  return { ...files, 'config.yaml': stringify(config) }
}

type Running = Omit<Server, 'version' | 'startMs'>

async function timed(version: string, run: () => Promise<Running>): Promise<Server> {
  const before = performance.now()
  const running = await run()
  return { ...running, version, startMs: performance.now() - before }
}

const proxyOf = ({ port, key, usage, close }: Side): Running => ({
  url: `http://127.0.0.1:${port}/v1`,
  apiKey: key,
  usage,
  close,
})

async function portkey(peer: Peer, { keep, upstream }: Under): Promise<Running> {
  const port = await freePort()
  const program = join(keep, peer.id, 'node_modules/@portkey-ai/gateway/build/start-server.js')
  const child = spawn(process.execPath, [program, `--port=${port}`, '--headless'], {
    stdio: 'ignore',
    env: { PATH: process.env.PATH, NODE_ENV: 'production' },
  })
  const url = `http://127.0.0.1:${port}`
  let up = false
  const poll = setInterval(() => {
    fetch(url).then(
      () => {
        up = true
      },
      () => undefined,
    )
  }, 50)
  try {
    await until(() => up || child.exitCode !== null, 'Portkey listens', 20_000)
  } finally {
    clearInterval(poll)
  }
  return {
    url: `${url}/v1`,
    apiKey: 'bench',
    headers: { 'x-portkey-provider': 'openai', 'x-portkey-custom-host': upstream },
    usage: () => usageOf(child.pid ?? 0),
    close: async () => void child.kill('SIGKILL'),
  }
}
