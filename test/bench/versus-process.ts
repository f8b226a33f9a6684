import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { RedisServer } from '../redis/server.ts'
import type { Batch, Measured, What } from './versus-side.ts'

/** One side of a comparison: the bare client, or the gateway of a built checkout. */
export type SideOrder = {
  checkout: string
  side: 'bare' | 'gateway'
  what: What
  /** Port of upstream. */
  port: number
  redis: RedisServer | undefined
  /** Options of Node. */
  node?: string[]
}

/** A side in a process of its own, which measures a batch when it is asked. */
export type SideProcess = { ask: (batch: Batch) => Promise<Measured>; end: () => void }

export async function startSide({
  checkout,
  side,
  what,
  port,
  redis,
  node = [],
}: SideOrder): Promise<SideProcess> {
  const args = [checkout, side, what, String(port), redis?.url ?? '']
  const child = fork(new URL('./versus-side.ts', import.meta.url), args, { execArgv: node })
  await once(child, 'message')
  return {
    async ask(batch) {
      child.send(batch)
      const [answer] = (await once(child, 'message')) as [Measured]
      return answer
    },
    end: () => void child.disconnect(),
  }
}

/** What clients send for a call; a script's own commands are counted apart, and its time is part of `evalsha`. */
const CLIENT_COMMANDS = new Set(['mget', 'get', 'set', 'eval', 'evalsha', 'fcall', 'publish', 'xadd'])

export type Sent = { name: string; count: number; usec: number }

/** Returns the commands that clients have sent to a Redis since its statistics were reset, with the server's time for them. */
export async function sentCommands({ admin }: RedisServer): Promise<Sent[]> {
  const stats = await admin.info('commandstats')
  return [...stats.matchAll(/^cmdstat_([\w|]+):calls=(\d+),usec=(\d+)/gm)]
    .map(([, name = '', count, usec]) => ({ name, count: Number(count), usec: Number(usec) }))
    .filter(({ name }) => CLIENT_COMMANDS.has(name))
}
