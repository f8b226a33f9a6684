import type { RedisClient } from '../../redis/connect.ts'
import { createScript } from '../../redis/script.ts'
import { type Change, MAX_BYTES, textOf } from './change.ts'
import historySource from './history.lua'
import readSource from './read.lua'
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

/** `version` is 0 where there is none, and -1 where something else lies in its place. */
export type Found = { version: number; bytes: number; text: string }

// A policy can be changed while Redis is full.
const writing = createScript(writeSource, 'allow-oom')
const reading = createScript(readSource)
const remembering = createScript(historySource)

/** What is in force: one command, and the text only where it is not the `known` version's. */
export async function find(ask: Ask, known: number): Promise<Found> {
  const answer = await ask((client) => reading.run(client, [IN_FORCE], [known, MAX_BYTES]))
  const [version, bytes, text] = answer as [number, number, string]
  return { version, bytes, text }
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
