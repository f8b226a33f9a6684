import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { installLitellm } from '../../litellm/install.ts'
import { freePort, type RedisServer } from '../../redis/server.ts'
import { until } from '../../until.ts'
import { type Usage, usageOf } from '../serve/family.ts'
import { litellm, type Side, serve } from '../serve/sides.ts'
import type { Peer } from './peers.ts'

export type Proxy = {
  /** With `/v1`. */
  url: string
  apiKey: string
  headers?: Record<string, string>
  usage: () => Usage | undefined
  close: () => Promise<void>
}
export type Under = { keep: string; upstream: string; redis: RedisServer | undefined }

/** `undefined`: this peer has no server. */
export async function startProxy(peer: Peer, under: Under): Promise<Proxy | undefined> {
  if (peer.proxy === undefined) return undefined
  if (peer.proxy === 'portkey') return await portkey(peer, under)
  if (under.redis === undefined) throw new Error(`${peer.name} needs a Redis`)
  if (peer.proxy === 'serve') return proxyOf(await serve(under.upstream, under.redis))
  const installed = installLitellm()
  if ('missing' in installed) throw new Error(installed.missing)
  process.env.TEST_LITELLM = installed.program
  return proxyOf(await litellm(under.upstream, under.redis, peer.workers ?? 1))
}

const proxyOf = ({ port, key, usage, close }: Side): Proxy => ({
  url: `http://127.0.0.1:${port}/v1`,
  apiKey: key,
  usage,
  close,
})

async function portkey(peer: Peer, { keep, upstream }: Under): Promise<Proxy> {
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
    headers: {
      'x-portkey-provider': 'openai',
      'x-portkey-custom-host': upstream,
      'x-portkey-config': JSON.stringify({
        provider: 'openai',
        custom_host: upstream,
        api_key: 'bench',
        cache: { mode: 'simple', max_age: 3_600 },
      }),
    },
    usage: () => usageOf(child.pid ?? 0),
    close: async () => void child.kill('SIGKILL'),
  }
}
