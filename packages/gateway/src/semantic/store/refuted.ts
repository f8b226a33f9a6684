import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { RedisConnection } from '../../redis/connection.ts'
import type { Partition } from '../query/partition.ts'
import { PINNED_MS } from './pinned.ts'

/** Answers that were judged wrong for a question: none of them is served for it again, by any process. */
export type Refuted = {
  /** Its key in Redis, in the slot of the partition's entries: it is read with them, by one command. */
  keyOf: (partition: Partition, question: string) => string
  /** Questions whose answers are refuted for a question, as `refutedId` names them: those this process knows of, and those under the key. */
  among: (key: string, stored: Buffer | null | undefined) => ReadonlySet<string>
  /** The same, where entries do not stand in Redis. */
  load: (key: string) => Promise<ReadonlySet<string>>
  add: (key: string, ids: readonly string[]) => Promise<void>
}

const ID_CHARS = 20
/** Enough for all that can come near one question; longer values are not ours. */
const MAX_BYTES = ID_CHARS * 1_000
/** Questions of which this process remembers it where there is no Redis, or Redis lost it. */
const MAX_QUESTIONS = 20_000
/** Entries are kept no longer than those that are pinned. */
const KEPT_MS = PINNED_MS

/**
 * Names a question whatever its letters' case, accents, spaces and signs are: so different, two are not judged apart.
 */
export const refutedId = (question: string): string =>
  hash('sha256', plain(question), 'base64url').slice(0, ID_CHARS)

const plain = (question: string) =>
  question
    .normalize('NFKD')
    .toLowerCase()
    .replace(/\p{M}+/gu, '')
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim()

/**
 * A value for each question and partition: names of questions, one after the other. It holds no text, and it is not
 * signed: a writer to Redis can have more of it and cost hits, or less. What is less is made up for by the
 * entries, each of which has the questions for which it was refuted under its own signature.
 */
export function createRefuted(link: RedisConnection | undefined): Refuted {
  const known = new LRUCache<string, Set<string>>({ max: MAX_QUESTIONS })

  function among(key: string, stored: Buffer | null | undefined): ReadonlySet<string> {
    const own = known.get(key)
    if (stored == null || stored.length > MAX_BYTES) return own ?? NONE
    return new Set([...(own ?? NONE), ...(stored.toString('latin1').match(/[\w-]{20}/g) ?? [])])
  }

  return {
    keyOf: ({ name }, question) => `${name.replace('}:s:', '}:sw:')}:${refutedId(question)}`,
    among,
    async load(key) {
      const stored = await link?.run((client) => client.getBuffer(key)).catch(() => undefined)
      return among(key, stored)
    },
    async add(key, ids) {
      const own = known.get(key) ?? new Set()
      const fresh = ids.filter((id) => !own.has(id))
      if (fresh.length === 0) return
      for (const id of fresh) own.add(id)
      known.set(key, own)
      try {
        await link?.run((client) => client.append(key, fresh.join('')))
        await link?.run((client) => client.pexpire(key, KEPT_MS))
      } catch {
        // Other processes find out for themselves.
      }
    },
  }
}

const NONE: ReadonlySet<string> = new Set()
