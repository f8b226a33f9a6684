import type { Redis } from 'ioredis'
import type { RedisConnection } from '../redis/connection.ts'
import { isWrongType } from '../redis/errors.ts'
import { scanPages } from '../redis/scan.ts'
import { labelSumsIn } from './decision/threshold/shared.ts'
import { FLAGS_AT, isPinned } from './store/codec.ts'

/** What the semantic cache has in Redis for one team. Nothing of it is decrypted or verified. */
export type SemanticCount = {
  /** Hash tag of the team: its name, percent-encoded where it has other characters than letters, digits, `_`, `.` and `-`. */
  tag: string
  /** Kinds of request whose questions may share answers. */
  partitions: number
  entries: number
  pinned: number
  bytes: number
  /** Questions for which some answer is never served again. */
  refutedQuestions: number
  /** Labels of judges and of persons: of answers that were right, and that were wrong. */
  right: number
  wrong: number
}

const ENTRY = /^gw:\{([^}]*)\}:s:[\w-]{24}:[\w-]{20}$/
const PARTITION = /^gw:\{([^}]*)\}:s:[\w-]{24}$/
const REFUTED = /^gw:\{([^}]*)\}:sw:/
const LABELS = /^gw:\{([^}]*)\}:sl:/
/** Teams told apart. */
const MAX_TEAMS = 10_000
/** Bytes of a value of labels that are read. */
const MAX_LABEL_BYTES = 20_000

/**
 * Counts what the semantic cache has in Redis, by team. Sends one SCAN per 500 keys and two commands per entry.
 * @throws RedisUnavailable
 */
export async function countSemantic(connection: RedisConnection): Promise<SemanticCount[]> {
  const { run } = connection
  const teams = new Map<string, SemanticCount>()

  function of(tag: string): SemanticCount {
    const known = teams.get(tag)
    if (known !== undefined) return known
    const fresh = {
      tag,
      partitions: 0,
      entries: 0,
      pinned: 0,
      bytes: 0,
      refutedQuestions: 0,
      right: 0,
      wrong: 0,
    }
    if (teams.size < MAX_TEAMS) teams.set(tag, fresh)
    return fresh
  }

  async function addEntry(node: Redis, key: string, tag: string): Promise<void> {
    const [bytes, [flags]] = await run(
      async () => await Promise.all([node.strlen(key), node.getrangeBuffer(key, FLAGS_AT, FLAGS_AT)]),
    )
    if (bytes === 0) return
    const count = of(tag)
    count.entries += 1
    count.bytes += bytes
    count.pinned += isPinned(flags) ? 1 : 0
  }

  async function addLabels(node: Redis, key: string, tag: string): Promise<void> {
    const text = await run(() => node.getrange(key, 0, MAX_LABEL_BYTES - 1))
    const { right, wrong } = labelSumsIn(text)
    const count = of(tag)
    count.right += right
    count.wrong += wrong
  }

  async function add(node: Redis, key: string): Promise<void> {
    const tagOf = (pattern: RegExp) => pattern.exec(key)?.[1]
    const [entry, partition, refuted, labels] = [ENTRY, PARTITION, REFUTED, LABELS].map(tagOf)
    if (partition !== undefined) of(partition).partitions += 1
    else if (refuted !== undefined) of(refuted).refutedQuestions += 1
    else if (entry !== undefined) await addEntry(node, key, entry)
    else if (labels !== undefined) await addLabels(node, key, labels)
  }

  for await (const { node, keys } of scanPages(connection, 'gw:{*}:s*'))
    await Promise.all(keys.map((key) => add(node, key).catch(skipWrongType)))
  return [...teams.values()].toSorted((one, other) => other.bytes - one.bytes)
}

/** Another program may have a list or a set at such a key. */
function skipWrongType(error: unknown): void {
  if (!isWrongType(error)) throw error
}
