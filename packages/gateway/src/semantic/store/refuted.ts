import { LRUCache } from 'lru-cache'
import type { RedisConnection } from '../../redis/connection.ts'
import { hash } from '../../util/runtime.ts'
import type { Partition } from '../query/partition.ts'
import { PINNED_MS } from './pinned.ts'

/** Answers judged wrong for a question: no process serves them for it again. */
export type Refuted = {
  /** Redis key, in the cluster slot of the partition's entries, so that one command reads both. */
  keyOf: (partition: Partition, question: string) => string
  /**
   * Returns names (`refutedId`) of questions whose answers are refuted for this question: those known to this process,
   * and those stored under the key.
   */
  idsOf: (key: string, stored: Buffer | null | undefined) => ReadonlySet<string>
  /** The same by a command of its own, for entries outside Redis. */
  load: (key: string) => Promise<ReadonlySet<string>>
  add: (key: string, ids: readonly string[]) => Promise<void>
}

const ID_CHARS = 20
/** More than can be near one question; a longer value was not written by a gateway. */
const MAX_BYTES = ID_CHARS * 1_000
/** Questions remembered in this process (LRU), for a gateway without Redis, or after Redis lost its data. */
const MAX_QUESTIONS = 20_000
/** As long as the longest-lived entries. */
const KEPT_MS = PINNED_MS

/** Names a question, ignoring case, accents, spaces and punctuation. */
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
 * Stores a value per question and partition: concatenated names of questions. It has no text and no signature. A
 * writer to Redis can add names, which costs hits, or remove names: for these, each entry has its own refuted
 * questions under its signature.
 */
export function createRefuted(redis: RedisConnection | undefined): Refuted {
  const known = new LRUCache<string, Set<string>>({ max: MAX_QUESTIONS })

  function among(key: string, stored: Buffer | null | undefined): ReadonlySet<string> {
    const own = known.get(key)
    if (stored == null || stored.length > MAX_BYTES) return own ?? NONE
    return new Set([...(own ?? NONE), ...(stored.toString('latin1').match(/[\w-]{20}/g) ?? [])])
  }

  return {
    keyOf: ({ name }, question) => `${name.replace('}:s:', '}:sw:')}:${refutedId(question)}`,
    idsOf: among,
    async load(key) {
      const stored = await redis?.run((client) => client.getBuffer(key)).catch(() => undefined)
      return among(key, stored)
    },
    async add(key, ids) {
      const own = known.get(key) ?? new Set()
      const fresh = ids.filter((id) => !own.has(id))
      if (fresh.length === 0) return
      for (const id of fresh) own.add(id)
      known.set(key, own)
      try {
        await redis?.run((client) => client.append(key, fresh.join('')))
        await redis?.run((client) => client.pexpire(key, KEPT_MS))
      } catch {
        // Other processes learn it from their own judge.
      }
    },
  }
}

const NONE: ReadonlySet<string> = new Set()
