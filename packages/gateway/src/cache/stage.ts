import { refuse } from '../body/refusal-response.ts'
import { createEntry } from '../cache-entry/create.ts'
import type { CacheEntry } from '../cache-entry/entry.ts'
import { type Epoch, epochWith, stampsIn } from '../cache-entry/epoch.ts'
import { fitsCall, fitsFollower } from '../cache-entry/fits-call.ts'
import { hit } from '../cache-entry/hit.ts'
import { isStorable } from '../cache-entry/storable.ts'
import type { Call, Handler, Stage } from '../core/call.ts'
import type { Ending } from '../core/recording.ts'
import type { Reply } from '../core/reply.ts'
import { type Keys, keysOf } from '../fingerprint/key.ts'
import type { DeferredQueue } from '../util/deferred.ts'
import type { Fault } from '../util/faults.ts'
import { createRefresher } from './refresh.ts'
import { createRejectedAccounts } from './rejected-accounts.ts'
import { isStillAllowed, staleFallback } from './stale-fallback.ts'
import type { CacheStore } from './store.ts'

type Options = {
  /** Sends a call again, as a background refresh. */
  refresh: Handler
  deferred: DeferredQueue
  fault: Fault
}

/** Serves exact cache hits, and stores new answers. */
export function cache(store: CacheStore, { refresh, deferred, fault }: Options): Stage {
  // Writes deferred until the reader has the answer, by key. A lookup of the same key runs its write first.
  const pendingWrites = new Map<string, () => unknown>()
  const revalidate = createRefresher(refresh, fault)
  const rejectedAccounts = createRejectedAccounts()
  return (next) => {
    async function ask(call: Call, keys: CacheKeys, bypass?: string): Promise<Reply> {
      const shares = bypass === undefined || bypass === 'revalidation'
      // A rejected account shares flights only with itself, to get upstream's current answer.
      const follows = bypass === REFUSED && !call.caller.accountsShare && !call.caller.crossTeamCache
      const name = store.epoch(keys.exact)
      const epoch = { name, isOver: () => store.epoch(keys.exact) !== name }
      const reply = await next({
        ...call,
        epoch,
        ...(shares && sharingOf(call, keys, name)),
        ...(follows && { flight: `${keys.flight} ${name}` }),
      })
      const learnt = rejectedAccounts.learn(call, reply)
      if (learnt !== undefined) await learnt
      if (reply.via === 'upstream')
        deferred.after(reply.recording.ended, (ending) => storeAnswer(keys, call, reply, ending, name))
      // A semantic hit has a key of its own.
      const { key = keys.exact } = reply
      return bypass === undefined ? { ...reply, key } : { ...reply, key, bypass }
    }

    async function bypassCache(call: Call, bypass: string): Promise<Reply> {
      if (call.controls.cache.onlyIfCached) return notCached(call)
      const reply = await next(call)
      const learnt = rejectedAccounts.learn(call, reply)
      if (learnt !== undefined) await learnt
      return { ...reply, bypass }
    }

    /** Skips the cache for an account that upstream rejected. */
    async function askRejected(call: Call, keys: CacheKeys): Promise<Reply> {
      const cache = { ...call.controls.cache, read: false }
      return await ask({ ...call, controls: { ...call.controls, cache } }, keys, REFUSED)
    }

    return async function cache(call) {
      const { controls, caller } = call
      if (!caller.cacheable) return bypassCache(call, 'off')
      const keys = keysOf(call)
      if ('bypass' in keys) return bypassCache(call, keys.bypass)
      if (call.revalidates) return await ask(call, keys, 'revalidation')
      if (rejectedAccounts.has(call))
        return controls.cache.onlyIfCached ? notCached(call) : await askRejected(call, keys)
      if (controls.cache.read && caller.exact !== undefined) {
        pendingWrites.get(keys.exact)?.()
        const found = store.get(keys.exact, keys.secret)
        const entry = found instanceof Promise ? await awaitEntry(found, keys) : found
        const reply = entry && serve(entry, keys.exact, call, caller.exact)
        if (reply !== undefined) return reply
      }
      if (controls.cache.onlyIfCached) return notCached(call)
      return await ask(call, keys, controls.cache.read ? undefined : 'no-cache')
    }
  }

  /**
   * Returns where identical concurrent calls meet: in this process and, if the answer is to be stored, across
   * processes.
   */
  function sharingOf(call: Call, keys: CacheKeys, epoch: Epoch): Pick<Call, 'flight' | 'sharedEntry'> {
    const kept = call.controls.cache.store && call.caller.exact !== undefined
    const flight = `${keys.flight} ${epoch}`
    if (!kept) return { flight }
    // Other processes do not know this process's own purge count.
    const shared = epochWith('', stampsIn(epoch))
    return { flight, sharedEntry: { key: keys.exact, epoch: shared, read: () => readShared(keys, call) } }
  }

  /** Reads an answer that another process has stored since the first lookup. */
  async function readShared({ exact, secret }: CacheKeys, call: Call): Promise<Reply | undefined> {
    const entry = await store.get(exact, secret)
    const isUsable = entry !== undefined && fitsFollower(entry, call) && isStillAllowed(exact, call)
    return isUsable ? hit(entry, exact, call, 'flight') : undefined
  }

  /** Returns a reply from an entry; `undefined`: upstream has to be asked. */
  function serve(entry: CacheEntry, key: string, call: Call, exact: Exact): Reply | undefined {
    if (!fitsCall(entry, call)) return undefined
    const staleSeconds = (Date.now() - entry.freshUntil) / 1_000
    if (staleSeconds < 0) return hit(entry, key, call, 'exact')
    if (call.controls.cache.onlyIfCached) return undefined
    if (staleSeconds < exact.staleWhileRevalidateSeconds) {
      const reply = hit(entry, key, call, 'stale')
      if (reply !== undefined) revalidate(key, call)
      return reply
    }
    if (staleSeconds < exact.staleIfErrorSeconds) {
      const epoch = store.epoch(key)
      call.state.staleFallback = () =>
        store.epoch(key) === epoch && !rejectedAccounts.has(call)
          ? staleFallback(entry, key, call)
          : undefined
    }
    return undefined
  }

  /** Waits for Redis; meanwhile this process may have answered the same question. */
  async function awaitEntry(lookup: Promise<CacheEntry | undefined>, { exact, secret }: CacheKeys) {
    const found = await lookup
    if (found !== undefined && found.freshUntil > Date.now()) return found
    const write = pendingWrites.get(exact)
    if (write === undefined) return found
    write()
    return await store.get(exact, secret)
  }

  function storeAnswer(
    { exact: key, secret }: CacheKeys,
    call: Call,
    reply: Reply,
    ending: Ending,
    epoch: Epoch,
  ) {
    const { exact } = call.caller
    const wanted = call.controls.cache.store && exact !== undefined && reply.recording.status === 200
    if (!wanted || ending.type !== 'complete') return reply.onStored?.(false)
    const put = async () => {
      try {
        const answer = ending.answer()
        if (answer === undefined || !isStorable(call, answer)) return false
        const entry = createEntry(answer, reply, ending.usage, call, lifetimeOf(call, exact))
        return entry.keptUntil > entry.storedAt && (await store.set(key, entry, { secret, epoch }))
      } catch (error) {
        fault(error, 'the cache')
        return false
      }
    }
    const kept = deferWrite(key, put).catch((error: unknown) => {
      fault(error, 'the cache')
      return false
    })
    reply.onStored?.(kept)
  }

  function deferWrite(key: string, put: () => Promise<boolean>): Promise<boolean> {
    return new Promise((resolve) => {
      const write = () => {
        if (pendingWrites.get(key) === write) pendingWrites.delete(key)
        resolve(put())
      }
      pendingWrites.set(key, write)
      const skipWrite = () => {
        if (pendingWrites.get(key) === write) pendingWrites.delete(key)
        resolve(false)
      }
      // Skipped if a newer write has replaced this one.
      deferred.add(() => (pendingWrites.get(key) === write ? write() : resolve(false)), skipWrite)
    })
  }
}

const REFUSED = 'refused-by-upstream'

type CacheKeys = Exclude<Keys, { bypass: string }>
type Exact = NonNullable<Call['caller']['exact']>

/** Returns lifetimes in seconds: `ttl` fresh, then `staleSeconds` stale. */
function lifetimeOf({ controls }: Call, exact: Exact): { ttl: number; staleSeconds: number } {
  const ttl = Math.min(exact.ttlSeconds, controls.cache.ttl ?? Number.POSITIVE_INFINITY)
  // A per-call `ttl` is a hard limit: it disables stale-if-error and stale-while-revalidate.
  const canBeStale = controls.cache.ttl === undefined && ttl > 0
  return {
    ttl,
    staleSeconds: canBeStale ? Math.max(exact.staleIfErrorSeconds, exact.staleWhileRevalidateSeconds) : 0,
  }
}

function notCached(call: Call): Reply {
  const message = 'There is no cached answer to this request, and only-if-cached forbids asking upstream.'
  return refuse(call, { code: 'gateway_not_cached', message })
}
