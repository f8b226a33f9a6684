import { signerOf } from '../../util/signature.ts'
import { signalAfter } from '../../util/timers.ts'
import { partitionPrefix } from '../store/admin.ts'
import { EXACT_KEY_AT, seal, unpackExactKey, unseal } from '../store/codec.ts'
import type { Generations } from '../store/generations.ts'
import { PINNED_MS } from '../store/pinned.ts'
import type { EntryHandle, EntryRef, EntrySource } from '../store/port.ts'
import type { StoredEntry, VectorBackend } from './port.ts'

/** Milliseconds one request may take; an administrator waits longer than a call. */
const TIMEOUT_MS = 15_000

/**
 * Entries in a vector backend. A backend without `scan` keeps its entries as ordinary Redis values: `redis` then scans and
 * deletes. All methods reject with the backend's error.
 */
export function createBackendSource(
  backend: VectorBackend,
  secret: string | undefined,
  redis: EntrySource | undefined,
  generations: Generations,
): EntrySource {
  const { scan } = backend
  const signer = secret === undefined ? undefined : signerOf(secret)
  const timeout = () => signalAfter(TIMEOUT_MS)

  const handleOf = ({ partition: name, id, value }: StoredEntry): EntryHandle => ({
    partition: name,
    id,
    exactKey: async () => unpackExactKey(name, value.subarray(EXACT_KEY_AT[0], EXACT_KEY_AT[1] + 1)),
    read: async () =>
      signer && (await unseal({ name, secret: signer(name) }, id, value, generations.current(name))),
  })

  const single: Pick<EntrySource, 'at' | 'write'> = {
    async at(ref) {
      await generations.load(ref.partition)
      const value = await backend.get(ref, timeout())
      return value && handleOf({ ...ref, value })
    },
    async write(ref, sealed) {
      const { partition: name, id } = ref
      if (signer === undefined) return false
      const expires = sealed.pinned ? Date.now() + PINNED_MS : sealed.answer.keptUntil
      const value = await seal({ name, secret: signer(name) }, id, sealed, generations.current(name) ?? '')
      if (value === undefined) return false
      // An expired entry is stored for one more millisecond: not every backend can delete one.
      const entry = { ...ref, value, vector: sealed.vector, expires: Math.max(expires, Date.now() + 1) }
      return await backend.put(entry, timeout())
    },
  }
  if (scan === undefined) return { ...(redis ?? EMPTY), ...single }

  return {
    ...single,
    async *scan(team) {
      const prefix = partitionPrefix(team)
      for (let after: EntryRef | undefined; ; ) {
        const page = await scan.page(prefix, after, timeout())
        for (const entry of page) yield handleOf(entry)
        after = page.at(-1)
        if (after === undefined) return
      }
    },
    delete: async ({ partition, id }) => await scan.remove([{ partition, id }], timeout()),
  }
}

/** Without Redis there is nothing to scan. */
const EMPTY: Pick<EntrySource, 'scan' | 'delete' | 'forget'> = {
  async *scan() {},
  delete: async () => 0,
  forget: async () => undefined,
}
