import { matches, type PurgeFilter } from '../../cache-entry/purge-filter.ts'
import { hashTag } from '../../redis/hash-tag.ts'
import type { Sealed } from './codec.ts'
import type { EntryHandle, EntryRef, EntrySource, SemanticEntry, StoreAdmin } from './port.ts'

const ENTRY_KEY = /^(gw:\{[^}]*\}:s:[\w-]{24}):([\w-]{20})$/
const EXACT_KEY = /^gw:\{[^}]*\}:x:[\w-]{43}$/

/** The key of an entry, as administrators see it. */
export const keyOf = ({ partition, id }: EntryRef): string => `${partition}:${id}`

/** Parses an entry's key. Returns `undefined` for a key of another form. */
export function refFrom(key: string): EntryRef | undefined {
  const [, partition, id] = ENTRY_KEY.exec(key) ?? []
  return partition === undefined || id === undefined ? undefined : { partition, id }
}

/** Prefix of the partitions of one team, or of all. */
export const partitionPrefix = (team: string | undefined): string =>
  team === undefined ? 'gw:{' : `gw:{${hashTag(team)}}:s:`

/** Lists, inspects, removes and pins entries of one source. Its methods reject with the error of the source. */
export function createSemanticAdmin(source: EntrySource): StoreAdmin {
  const at = async (key: string): Promise<EntryHandle | undefined> => {
    const ref = refFrom(key)
    return ref && (await source.at(ref))
  }

  /** Entries of the team, and those with the key: their own, or that of the same answer in the exact cache. */
  async function* candidates({ team, key }: PurgeFilter): AsyncGenerator<EntryHandle> {
    if (key !== undefined) {
      const entry = key.startsWith(partitionPrefix(team)) ? await at(key) : undefined
      if (entry !== undefined) yield entry
      if (!EXACT_KEY.test(key)) return
    }
    for await (const entry of source.scan(team))
      if (key === undefined || (await entry.exactKey()) === key) yield entry
  }

  return {
    async list(filter, limit = 100) {
      const entries: SemanticEntry[] = []
      for await (const entry of candidates(filter)) {
        if (entries.length >= limit) break
        const sealed = await entry.read()
        if (sealed !== undefined && isMatch(filter, entry, sealed)) entries.push(entryFor(entry, sealed))
      }
      return entries
    },
    async inspect(key) {
      const entry = await at(key)
      const sealed = await entry?.read()
      return entry && sealed && entryFor(entry, sealed)
    },
    async remove(filter) {
      const { team, key, agent, model } = filter
      const needsReading = agent !== undefined || model !== undefined
      if (key === undefined && !needsReading) await source.beforePurge?.(team)
      let removed = 0
      for await (const entry of candidates(filter)) {
        const sealed = needsReading ? await entry.read() : undefined
        if (sealed !== undefined && !isMatch(filter, entry, sealed)) continue
        removed += await source.delete(entry)
      }
      return removed
    },
    async exactOf(key) {
      const entry = await at(key)
      return (await entry?.exactKey()) || undefined
    },
    async forget(answerId) {
      if (source.forget !== undefined) return await source.forget(answerId)
      for await (const entry of source.scan(undefined)) {
        const sealed = await entry.read()
        if (sealed?.answer.answerId === answerId) await source.delete(entry)
      }
    },
    async pin(key, pinned = true) {
      const entry = await at(key)
      const sealed = await entry?.read()
      return entry !== undefined && sealed !== undefined && (await source.write(entry, { ...sealed, pinned }))
    },
  }
}

/** As for entries of the exact cache, whose key may stand for this entry's own. */
const isMatch = (filter: PurgeFilter, ref: EntryRef, { answer, exact }: Sealed): boolean =>
  matches(filter, filter.key === exact && exact !== '' ? exact : keyOf(ref), answer)

const entryFor = (ref: EntryRef, { question, answer, pinned }: Sealed): SemanticEntry => ({
  key: keyOf(ref),
  team: answer.team,
  agent: answer.agent,
  model: answer.model,
  question,
  answer: answer.text,
  storedAt: answer.storedAt,
  expiresAt: answer.freshUntil,
  pinned,
  hits: 0,
})
