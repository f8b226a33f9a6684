import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { installDebian } from '../../packages/infra/check/debian.ts'

let processes = 0

export type RedisServer = {
  url: string
  port: number
  /** A plain client for looking inside and for making trouble. */
  admin: Redis
  /** SIGKILL: no goodbye, nothing saved. */
  kill: () => Promise<void>
  /** On the same port, with whatever it had saved: nothing, unless `args` say so. */
  restart: () => Promise<void>
  pause: () => void
  resume: () => void
  close: () => Promise<void>
}

/** Returns the server program from PATH. `undefined`: PATH has no such program. */
export const redisBinary = (): string | undefined =>
  ['redis-server', 'valkey-server'].find((name) => spawnSync(name, ['--version']).status === 0)

/**
 * Installs a server where that is allowed, which is on Debian, as root. Where `TEST_REDIS_URL` names one, it suffices
 * for what holds at any Redis; tests that stop, fill or empty theirs need one of their own.
 */
export function ensureRedis(): void {
  if (redisBinary() !== undefined) return
  if (process.env.TEST_REDIS_URL) {
    console.warn('There is no redis-server on PATH: the tests that need one of their own are left out.')
    return
  }
  installDebian('redis-server')
  if (redisBinary() === undefined)
    throw new Error(
      'The tests need a Redis server: install redis-server or valkey-server (apt-get install redis-server, brew install redis).',
    )
}

/** Returns the pattern of the files whose tests need a server of their own, where no server program is installed. */
export const leftOut = (): string[] =>
  process.env.TEST_REDIS_URL && redisBinary() === undefined ? ['test/redis/!(quota-conformance).test.ts'] : []

/** A Redis of one's own on a free port, in a directory of its own, persisting nothing unless `args` say so. */
export async function startRedis(args: string[] = [], binary = redisBinary()): Promise<RedisServer> {
  if (binary === undefined) throw new Error('No redis-server on PATH: see ensureRedis.')
  let port = await freePort()
  const dir = mkdtempSync(join(tmpdir(), 'gateway-redis-'))
  const settings = ['--bind', '127.0.0.1', '--dir', dir, '--save', '', '--appendonly', 'no']
  let child: ChildProcess
  let admin: Redis

  /** @returns a client of this very server; `undefined`: it has ended, as another program has taken its port. */
  async function start(): Promise<Redis | undefined> {
    child = spawn(binary ?? '', ['--port', String(port), ...settings, ...args], { stdio: 'ignore' })
    for (let tries = 0; ; tries += 1) {
      const probe = new Redis(port, { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null })
      probe.on('error', () => undefined)
      try {
        await probe.connect()
        const told = /^process_id:(\d+)/m.exec(await probe.info('server'))?.[1]
        if (told === String(child.pid)) return probe
        probe.disconnect()
        return undefined
      } catch (error) {
        probe.disconnect()
        if (child.exitCode !== null) return undefined
        if (tries > 400) throw error
        await sleep(25)
      }
    }
  }

  async function started(choose: () => Promise<number>): Promise<Redis> {
    for (let tries = 0; tries < 10; tries += 1) {
      const client = await start()
      if (client !== undefined) return client
      child.kill('SIGKILL')
      port = await choose()
    }
    throw new Error(`redis-server does not start: ${[binary, ...args].join(' ')}`)
  }

  async function kill() {
    admin.disconnect()
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }

  admin = await started(freePort)
  return {
    // Another one each time it is read: clients of one process share connections to an address, those of two do not.
    get url() {
      processes += 1
      return `redis://127.0.0.1:${port}/0?process=${processes}`
    },
    get port() {
      return port
    },
    get admin() {
      return admin
    },
    kill,
    async restart() {
      if (child.exitCode === null && child.signalCode === null) await kill()
      // Its clients know the port.
      admin = await started(async () => port)
    },
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    async close() {
      child.kill('SIGCONT')
      if (child.exitCode === null && child.signalCode === null) await kill()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** Three masters that share the slots. Its URL names all of them. */
export async function startCluster(): Promise<{
  url: string
  nodes: RedisServer[]
  close: () => Promise<void>
}> {
  const nodes = await Promise.all(
    [0, 1, 2].map(() => startRedis(['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000'])),
  )
  const [first] = nodes
  for (const [at, { admin }] of nodes.entries()) {
    const share = Math.ceil(16_384 / 3)
    const last = Math.min(16_383, (at + 1) * share - 1)
    await admin.call('CLUSTER', 'ADDSLOTSRANGE', String(at * share), String(last))
    if (at > 0) await admin.call('CLUSTER', 'MEET', '127.0.0.1', String(first?.port))
  }
  for (const { admin } of nodes)
    while (!String(await admin.call('CLUSTER', 'INFO')).includes('cluster_state:ok')) await sleep(50)
  return {
    url: nodes.map(({ url }) => url).join(','),
    nodes,
    close: async () => void (await Promise.all(nodes.map((node) => node.close()))),
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      // A cluster node also listens 10,000 above.
      server.close(() => (port > 55_000 ? resolve(freePort()) : resolve(port)))
    })
  })
}
