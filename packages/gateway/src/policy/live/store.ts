import type { RedisClient } from '../../redis/connect.ts'
import { isWrongType } from '../../redis/errors.ts'
import { createScript } from '../../redis/script.ts'
import { type Change, MAX_CHANGE_BYTES, textOf } from './change.ts'
import historySource from './history.lua'
import writeSource from './write.lua'

/** A team may be named `policy`: the suffixes of its keys differ from these. */
const IN_FORCE = 'gw:{policy}:live'
const HISTORY = 'gw:{policy}:history'
/** Channel on which the version of each change is published. */
export const CHANNEL = 'gw:policy'

const HISTORY_ENTRIES = 50
const HISTORY_BYTES = 2 * 1024 * 1024

/** Sends a command, within the deadline of its connection. */
export type Run = <T>(command: (client: RedisClient) => Promise<T>) => Promise<T>

/** `version` is 0 without a live policy, and -1 if the key holds something else. No `text`: unchanged. */
export type Found = { version: number; text?: string }

/** A version of at most fourteen digits, and a line break. */
const HEAD_BYTES = 15

// A policy can be changed while Redis is full.
const writeScript = createScript(writeSource, 'allow-oom')
const historyScript = createScript(historySource)

/**
 * Reads the state in force: one command, and a second one unless it is the `known` version. Plain reads, so that
 * agents need no write permission; bounded in size, whatever the key holds.
 */
export async function readChange(run: Run, known: number): Promise<Found> {
  try {
    if (known > 0) {
      const { version } = split(await run((client) => client.getrange(IN_FORCE, 0, HEAD_BYTES - 1)))
      if (version <= 0 || version === known) return { version }
    }
    return split(await run((client) => client.getrange(IN_FORCE, 0, HEAD_BYTES + MAX_CHANGE_BYTES)))
  } catch (error) {
    if (isWrongType(error)) return { version: -1 }
    throw error
  }
}

function split(found: string): Found {
  if (found === '') return { version: 0 }
  const [, version, text] = /^([1-9]\d{0,13})\n(.*)$/s.exec(found) ?? []
  return version === undefined || text === undefined ? { version: -1 } : { version: Number(version), text }
}

/** Writes a change; returns the number of processes notified. `undefined`: a conflict, nothing was changed. */
export async function writeChange(run: Run, base: number, change: Change): Promise<number | undefined> {
  const args = [base, change.version, textOf(change), HISTORY_ENTRIES, HISTORY_BYTES, CHANNEL]
  const answer = await run((client) => writeScript.run(client, [IN_FORCE, HISTORY], args))
  const [outcome, , notified] = answer as ['written' | 'conflict', number, number]
  return outcome === 'written' ? notified : undefined
}

/** Reads the texts of the last changes, newest first. */
export async function readHistory(run: Run): Promise<string[]> {
  return (await run((client) =>
    historyScript.run(client, [HISTORY], [HISTORY_ENTRIES, MAX_CHANGE_BYTES]),
  )) as string[]
}
