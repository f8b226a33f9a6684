import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { type RedisServer, startRedis } from '../../redis/server.ts'
import type { Usage } from '../serve/family.ts'
import { install } from './install.ts'
import type { Peer } from './peers.ts'
import { type Server, startProxy } from './proxies.ts'
import type { Context, Order, Told } from './worker.ts'

export type Around = { keep: string; upstream: string; langfuse: Context['langfuse'] }

/** A peer that runs: its calling process, its server if it has one, and a Redis of its own if it uses one. */
export type Started = {
  peer: Peer
  /** Its file of `sides/`. */
  file: string
  versions: string
  redis: RedisServer | undefined
  /** Milliseconds until its server listened. */
  startMs: number | undefined
  /** @throws what the calling process could not do, or that it has ended. */
  ask: (order: Order) => Promise<Told>
  /** Of the server alone. `undefined`: the peer has no server. */
  server: () => Usage | undefined
  /** A further process that asks as this one does. */
  further: () => Promise<Caller>
  close: () => Promise<void>
}
export type Caller = { ask: (order: Order) => Promise<Told>; close: () => void }

let seed = 1

/** @param cap dollars that all of the peer's processes may spend together. */
export async function start(
  peer: Peer,
  { keep, upstream, langfuse }: Around,
  cap?: number,
): Promise<Started> {
  const { file, versions } = install(peer, keep)
  const redis = peer.usesRedis ? await startRedis() : undefined
  let proxy: Server | undefined
  const callers: Caller[] = []
  const close = async () => {
    for (const caller of callers) caller.close()
    await proxy?.close()
    await redis?.close()
  }
  try {
    proxy = await startProxy(peer, { keep, upstream, redis, cap })
    const further = async () => {
      const caller = await call(file, {
        upstream: proxy?.url ?? upstream,
        apiKey: proxy?.apiKey ?? 'bench',
        redis: redis?.url ?? '',
        langfuse,
        ...(cap !== undefined && { cap }),
        ...(proxy?.headers && { headers: proxy.headers }),
      })
      callers.push(caller)
      return caller
    }
    const { ask } = await further()
    const server = () => proxy?.usage()
    return {
      peer,
      file,
      versions: proxy?.version ?? versions,
      redis,
      startMs: proxy?.startMs,
      ask,
      server,
      further,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

async function call(file: string, context: Context): Promise<Caller> {
  seed += 1
  const child: ChildProcess = fork(
    new URL('./worker.ts', import.meta.url),
    [file, JSON.stringify(context), String(seed)],
    { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] },
  )
  let said = ''
  child.stderr?.on('data', (data) => {
    said = `${said}${data}`.slice(-2_000)
  })
  const ended = new Promise<never>((_, reject) => {
    child.once('exit', (code) => reject(new Error(`ended with ${code}: ${said.trim().slice(-600)}`)))
  })
  ended.catch(() => undefined)
  await Promise.race([once(child, 'message'), ended, tooLate(30_000)])
  return {
    async ask(order) {
      child.send(order)
      const [told] = (await Promise.race([once(child, 'message'), ended, tooLate(120_000)])) as [
        Told | { failed: string },
      ]
      if ('failed' in told) throw new Error(told.failed)
      return told
    },
    close: () => void child.kill('SIGKILL'),
  }
}

const tooLate = (ms: number) =>
  new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error(`nothing heard for ${ms / 1_000} s`)), ms).unref()
  })
