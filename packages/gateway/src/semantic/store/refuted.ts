import { LRUCache } from 'lru-cache'
import type { RedisConnection } from '../../redis/connection.ts'
import { createScript } from '../../redis/script.ts'
import { hash } from '../../util/runtime.ts'
import type { Partition } from '../query/partition.ts'
import { PINNED_MS } from './pinned.ts'
import addSource from './refute.lua'

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
  /** Sends Redis what it did not take when it was added. Never rejects. */
  settled: () => Promise<void>
}

const ID_CHARS = 20
/** Names of one question; the oldest are forgotten. */
const MAX_NAMES = 1_000
const MAX_BYTES = ID_CHARS * MAX_NAMES
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
 * questions under its signature. What Redis did not take is kept, and sent with the next sign of it.
 */
export function createRefuted(redis: RedisConnection | undefined, keyLocking = false): Refuted {
  const known = new LRUCache<string, Set<string>>({ max: MAX_QUESTIONS })
  /** Names that Redis does not have yet, by key. */
  const unsent = new LRUCache<string, Set<string>>({ max: MAX_QUESTIONS })
  const adding = createScript(addSource, keyLocking ? 'allow-key-locking' : 'allow-oom')
  let sending: Promise<void> | undefined

  function among(key: string, stored: Buffer | null | undefined): ReadonlySet<string> {
    const own = known.get(key)
    if (stored == null) return own ?? NONE
    return new Set([...(own ?? NONE), ...namesIn(stored)])
  }

  function note(where: LRUCache<string, Set<string>>, key: string, ids: Iterable<string>) {
    const names = where.get(key) ?? new Set()
    for (const id of ids) names.add(id)
    where.set(key, names)
  }

  async function send(redis: RedisConnection, key: string, ids: Iterable<string>): Promise<void> {
    await redis.run((client) => adding.run(client, [key], [ID_CHARS, MAX_NAMES, KEPT_MS, ...ids]))
  }

  /** Ends at the first failure. */
  async function sendUnsent(redis: RedisConnection) {
    for (const [key, ids] of [...unsent.entries()]) {
      unsent.delete(key)
      try {
        await send(redis, key, ids)
      } catch {
        return note(unsent, key, ids)
      }
    }
  }

  function settled(): Promise<void> {
    if (redis === undefined || (sending === undefined && unsent.size === 0)) return DONE
    sending ??= sendUnsent(redis).finally(() => {
      sending = undefined
    })
    return sending
  }

  return {
    keyOf: ({ name }, question) => `${name.replace('}:s:', '}:sw:')}:${refutedId(question)}`,
    idsOf(key, stored) {
      // Redis has just answered.
      if (unsent.size > 0) void settled()
      return among(key, stored)
    },
    async load(key) {
      const stored = await redis?.run((client) => client.getBuffer(key)).catch(() => undefined)
      if (stored !== undefined && unsent.size > 0) void settled()
      return among(key, stored)
    },
    async add(key, ids) {
      const own = known.get(key) ?? NONE
      const fresh = new Set(ids.filter((id) => !own.has(id)))
      if (fresh.size === 0) return
      note(known, key, fresh)
      if (redis === undefined) return
      try {
        await send(redis, key, fresh)
      } catch {
        note(unsent, key, fresh)
      }
    },
    settled,
  }
}

const NONE: ReadonlySet<string> = new Set()
const DONE = Promise.resolve()

/** Reads the newest names of a value of any length. */
function namesIn(stored: Buffer): string[] {
  const from = Math.ceil(Math.max(0, stored.length - MAX_BYTES) / ID_CHARS) * ID_CHARS
  return (
    stored
      .subarray(from)
      .toString('latin1')
      .match(/[\w-]{20}/g) ?? []
  )
}
