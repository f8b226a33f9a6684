import type { PurgeFilter } from '../../entry/purge-filter.ts'
import { hashTag } from '../../redis/hash-tag.ts'
import { signerOf } from '../../util/signature.ts'
import { signalAfter } from '../../util/timers.ts'
import { concerns, shown } from '../store/admin.ts'
import { exactFrom, type Sealed, seal, TWIN_AT, unseal } from '../store/codec.ts'
import type { Generations } from '../store/generations.ts'
import { PINNED_MS } from '../store/pinned.ts'
import type { StoreAdmin } from '../store/port.ts'
import type { EntryRef, StoredEntry, VectorBackend } from './port.ts'

const KEY = /^(gw:\{[^}]*\}:s:[\w-]{24}):([\w-]{20})$/
/** Longer than an admin waits for one page. */
const ANSWER_MS = 15_000

/** Over an engine; `inRedis` looks through entries that are there. All of it throws when the engine is away. */
export function createBackendAdmin(
  shelves: VectorBackend,
  secret: string | undefined,
  inRedis: StoreAdmin | undefined,
  generations: Generations,
): StoreAdmin {
  const { browse } = shelves
  const signer = secret === undefined ? undefined : signerOf(secret)
  const patience = () => signalAfter(ANSWER_MS)

  const open = async ({ partition: name, id, value }: StoredEntry): Promise<Sealed | undefined> =>
    signer && (await unseal({ name, secret: signer(name) }, id, value, generations.known(name)))

  async function find(key: string): Promise<{ place: EntryRef; sealed: Sealed | undefined } | undefined> {
    const place = placeOf(key)
    if (place !== undefined) await generations.load(place.partition)
    const value = place && (await shelves.get(place, patience()))
    return place && value && { place, sealed: await open({ ...place, value }) }
  }

  async function* all({ team, key }: PurgeFilter): AsyncGenerator<StoredEntry> {
    const only = key === undefined ? undefined : placeOf(key)
    if (key !== undefined) {
      const value = only && (await shelves.get(only, patience()))
      if (only !== undefined && value !== undefined) yield { ...only, value }
      if (!key.includes(':x:')) return
    }
    const prefix = team === undefined ? 'gw:{' : `gw:{${hashTag(team)}}:s:`
    for (let after: EntryRef | undefined; ; ) {
      const page = (await browse?.page(prefix, after, patience())) ?? []
      for (const kept of page) if (key === undefined || exactIn(kept) === key) yield kept
      after = page.at(-1)
      if (after === undefined) return
    }
  }

  return {
    async list(what, limit = 100) {
      if (browse === undefined) return (await inRedis?.list(what, limit)) ?? []
      const entries = []
      for await (const kept of all(what)) {
        if (entries.length >= limit) break
        const [key, sealed] = [keyOf(kept), await open(kept)]
        if (sealed !== undefined && concerns(what, key, sealed)) entries.push(shown(key, sealed))
      }
      return entries
    },
    async inspect(key) {
      const found = await find(key)
      return found?.sealed && shown(key, found.sealed)
    },
    async remove(what) {
      if (browse === undefined) return (await inRedis?.remove(what)) ?? 0
      let gone = 0
      for await (const kept of all(what)) {
        const sealed = what.agent === undefined && what.model === undefined ? undefined : await open(kept)
        if (sealed !== undefined && !concerns(what, keyOf(kept), sealed)) continue
        gone += await browse.remove([kept], patience())
      }
      return gone
    },
    async exactOf(key) {
      const place = placeOf(key)
      const value = place && (await shelves.get(place, patience()))
      return (place && value && exactIn({ ...place, value })) || undefined
    },
    async forget(answerId) {
      if (browse === undefined) return await inRedis?.forget(answerId)
      for await (const kept of all({})) {
        const sealed = await open(kept)
        if (sealed?.answer.answerId === answerId) await browse.remove([kept], patience())
      }
    },
    async pin(key, pinned = true) {
      const { place, sealed } = (await find(key)) ?? {}
      if (place === undefined || sealed === undefined || signer === undefined) return false
      const { partition: name, id } = place
      const expires = pinned ? Date.now() + PINNED_MS : sealed.answer.keptUntil
      const value = await seal(
        { name, secret: signer(name) },
        id,
        { ...sealed, pinned },
        generations.known(name) ?? '',
      )
      if (value === undefined) return false
      // What is past its time is put there for a moment more: not every engine can take one away.
      return await shelves.put(
        { ...place, value, vector: sealed.vector, expires: Math.max(expires, Date.now() + 1) },
        patience(),
      )
    },
  }
}

const exactIn = ({ partition, value }: StoredEntry) =>
  exactFrom(partition, value.subarray(TWIN_AT[0], TWIN_AT[1] + 1))

const keyOf = ({ partition, id }: EntryRef) => `${partition}:${id}`

function placeOf(key: string): EntryRef | undefined {
  const [, partition, id] = KEY.exec(key) ?? []
  return partition === undefined || id === undefined ? undefined : { partition, id }
}
