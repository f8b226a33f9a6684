import type { RedisClient } from '../../redis/connect.ts'
import { createScript } from '../../redis/script.ts'
import { type Change, MAX_BYTES, textOf } from './change.ts'
import historySource from './history.lua'
import writeSource from './write.lua'

/** One team could be named `policy`: its keys have other names. */
const IN_FORCE = 'gw:{policy}:live'
const HISTORY = 'gw:{policy}:history'
/** On which everybody is told the version of a change. */
export const CHANNEL = 'gw:policy'

const REMEMBERED = 50
const REMEMBERED_BYTES = 2 * 1024 * 1024

/** How a command is sent, and within which time it is answered. */
export type Ask = <T>(command: (client: RedisClient) => Promise<T>) => Promise<T>

/** `version` is 0 where there is none, and -1 where something else lies in its place. No `text`: it is as it was. */
export type Found = { version: number; text?: string }

/** A version of fourteen digits at most, and a new line. */
const HEAD_BYTES = 15

// A policy can be changed while Redis is full.
const writing = createScript(writeSource, 'allow-oom')
const remembering = createScript(historySource)

/**
 * What is in force: one command, and another for the change itself if it is not the `known` one. Plain reads, so that
 * agents need no right to write here; and never more than a change can have, whatever lies there.
 */
export async function find(ask: Ask, known: number): Promise<Found> {
  try {
    if (known > 0) {
      const { version } = split(await ask((client) => client.getrange(IN_FORCE, 0, HEAD_BYTES - 1)))
      if (version <= 0 || version === known) return { version }
    }
    return split(await ask((client) => client.getrange(IN_FORCE, 0, HEAD_BYTES + MAX_BYTES)))
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('WRONGTYPE')) return { version: -1 }
    throw error
  }
}

function split(found: string): Found {
  if (found === '') return { version: 0 }
  const [, version, text] = /^([1-9]\d{0,13})\n(.*)$/s.exec(found) ?? []
  return version === undefined || text === undefined ? { version: -1 } : { version: Number(version), text }
}

/** How many processes were told of it; `undefined`: somebody was faster, and nothing was changed. */
export async function put(ask: Ask, base: number, change: Change): Promise<number | undefined> {
  const args = [base, change.version, textOf(change), REMEMBERED, REMEMBERED_BYTES, CHANNEL]
  const answer = await ask((client) => writing.run(client, [IN_FORCE, HISTORY], args))
  const [outcome, , told] = answer as ['written' | 'conflict', number, number]
  return outcome === 'written' ? told : undefined
}

/** Texts of the last changes, the newest first. */
export async function remembered(ask: Ask): Promise<string[]> {
  return (await ask((client) => remembering.run(client, [HISTORY], [REMEMBERED, MAX_BYTES]))) as string[]
}
