import { refuse } from '../body/refuse.ts'
import type { Call, Handler, Stage } from '../core/call.ts'
import type { Ending } from '../core/recording.ts'
import type { Reply } from '../core/reply.ts'
import { entryOf } from '../entry/create.ts'
import type { CacheEntry } from '../entry/entry.ts'
import { type Epoch, epochWith, stampsIn } from '../entry/epoch.ts'
import { hit } from '../entry/hit.ts'
import { isStorable } from '../entry/storable.ts'
import { suits, suitsFollower } from '../entry/suits.ts'
import { type Keys, keysOf } from '../fingerprint/key.ts'
import type { DeferredQueue } from '../util/deferred.ts'
import type { Fault } from '../util/faults.ts'
import { createRefresher } from './refresh.ts'
import { createRefused } from './refused.ts'
import { isStillAllowed, staleFallback } from './stale-fallback.ts'
import type { CacheStore } from './store.ts'

type Options = {
  /** Asks a call again, for the cache alone. */
  refresh: Handler
  later: DeferredQueue
  fault: Fault
}

/** Answers what has been answered; keeps what is worth it. */
export function cache(store: CacheStore, { refresh, later, fault }: Options): Stage {
  // An answer is put away once its reader has it, unless somebody asks for it first.
  const unfinished = new Map<string, () => unknown>()
  const revalidate = createRefresher(refresh, fault)
  const refused = createRefused()
  return (next) => {
    async function ask(call: Call, keys: Shareable, bypass?: string): Promise<Reply> {
      const shares = bypass === undefined || bypass === 'revalidation'
      // In flight it meets its own account alone, and what upstream says to that now.
      const follows = bypass === REFUSED && !call.caller.accountsShare && !call.caller.crossTeamCache
      const name = store.epoch(keys.exact)
      const epoch = { name, isOver: () => store.epoch(keys.exact) !== name }
      const reply = await next({
        ...call,
        epoch,
        ...(shares && meeting(call, keys, name)),
        ...(follows && { flight: `${keys.flight} ${name}` }),
      })
      await refused.learn(call, reply)
      if (reply.via === 'upstream')
        later.after(reply.recording.ended, (ending) => keep(keys, call, reply, ending, name))
      // What was found by meaning has a key of its own.
      const { key = keys.exact } = reply
      return bypass === undefined ? { ...reply, key } : { ...reply, key, bypass }
    }

    async function without(call: Call, bypass: string): Promise<Reply> {
      if (call.controls.cache.onlyIfCached) return notCached(call)
      const reply = await next(call)
      await refused.learn(call, reply)
      return { ...reply, bypass }
    }

    /** Whom upstream has turned down gets what upstream says, and nothing else. */
    async function afresh(call: Call, keys: Shareable): Promise<Reply> {
      const cache = { ...call.controls.cache, read: false }
      return await ask({ ...call, controls: { ...call.controls, cache } }, keys, REFUSED)
    }

    return async function cache(call) {
      const { controls, caller } = call
      if (!caller.cacheable) return without(call, 'off')
      const keys = keysOf(call)
      if ('bypass' in keys) return without(call, keys.bypass)
      if (call.revalidates) return await ask(call, keys, 'revalidation')
      if (refused.has(call)) return controls.cache.onlyIfCached ? notCached(call) : await afresh(call, keys)
      if (controls.cache.read && caller.exact !== undefined) {
        unfinished.get(keys.exact)?.()
        const found = store.get(keys.exact, keys.secret)
        const entry = found instanceof Promise ? await arrival(found, keys) : found
        const reply = entry && serve(entry, keys.exact, call, caller.exact)
        if (reply !== undefined) return reply
      }
      if (controls.cache.onlyIfCached) return notCached(call)
      return await ask(call, keys, controls.cache.read ? undefined : 'no-cache')
    }
  }

  /** Where those who ask the same at the same time meet: here, and, if the answer is to be kept, elsewhere. */
  function meeting(call: Call, keys: Shareable, epoch: Epoch): Pick<Call, 'flight' | 'sharedEntry'> {
    const kept = call.controls.cache.store && call.caller.exact !== undefined
    const flight = `${keys.flight} ${epoch}`
    if (!kept) return { flight }
    // Of this process's own count others know nothing.
    const shared = epochWith('', stampsIn(epoch))
    return { flight, sharedEntry: { key: keys.exact, epoch: shared, read: () => find(keys, call) } }
  }

  /** What another process has been answered since this one looked. */
  async function find({ exact, secret }: Shareable, call: Call): Promise<Reply | undefined> {
    const entry = await store.get(exact, secret)
    const isIts = entry !== undefined && suitsFollower(entry, call) && isStillAllowed(exact, call)
    return isIts ? hit(entry, exact, call, 'flight') : undefined
  }

  /** `undefined`: upstream has to be asked. */
  function serve(entry: CacheEntry, key: string, call: Call, exact: Exact): Reply | undefined {
    if (!suits(entry, call)) return undefined
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
        store.epoch(key) === epoch && !refused.has(call) ? staleFallback(entry, key, call) : undefined
    }
    return undefined
  }

  /** While Redis was asked, the same question may have been answered here. */
  async function arrival(finding: Promise<CacheEntry | undefined>, { exact, secret }: Shareable) {
    const found = await finding
    if (found !== undefined && found.freshUntil > Date.now()) return found
    const putAway = unfinished.get(exact)
    if (putAway === undefined) return found
    putAway()
    return await store.get(exact, secret)
  }

  function keep({ exact: key, secret }: Shareable, call: Call, reply: Reply, ending: Ending, epoch: Epoch) {
    const { exact } = call.caller
    const wanted = call.controls.cache.store && exact !== undefined && reply.recording.status === 200
    if (!wanted || ending.type !== 'complete') return reply.onStored?.(false)
    const put = async () => {
      try {
        const answer = ending.answer()
        if (answer === undefined || !isStorable(call, answer)) return false
        const entry = entryOf(answer, reply, ending.usage, call, lifetimeOf(call, exact))
        return entry.keptUntil > entry.storedAt && (await store.set(key, entry, { secret, epoch }))
      } catch (error) {
        fault(error, 'the cache')
        return false
      }
    }
    const kept = postpone(key, put).catch((error: unknown) => {
      fault(error, 'the cache')
      return false
    })
    reply.onStored?.(kept)
  }

  function postpone(key: string, put: () => Promise<boolean>): Promise<boolean> {
    return new Promise((resolve) => {
      const putAway = () => {
        if (unfinished.get(key) === putAway) unfinished.delete(key)
        resolve(put())
      }
      unfinished.set(key, putAway)
      const notPut = () => {
        if (unfinished.get(key) === putAway) unfinished.delete(key)
        resolve(false)
      }
      // Unless another one has taken its place.
      later.add(() => (unfinished.get(key) === putAway ? putAway() : resolve(false)), notPut)
    })
  }
}

const REFUSED = 'refused-by-upstream'

type Shareable = Exclude<Keys, { bypass: string }>
type Exact = NonNullable<Call['caller']['exact']>

/** In seconds: how long an answer is fresh, and how long it is kept after that. */
function lifetimeOf({ controls }: Call, exact: Exact): { ttl: number; longer: number } {
  const ttl = Math.min(exact.ttlSeconds, controls.cache.ttl ?? Number.POSITIVE_INFINITY)
  // Whoever says for how long an answer may be kept means just that.
  const lasts = controls.cache.ttl === undefined && ttl > 0
  return { ttl, longer: lasts ? Math.max(exact.staleIfErrorSeconds, exact.staleWhileRevalidateSeconds) : 0 }
}

function notCached(call: Call): Reply {
  const message = 'There is no cached answer to this request, and it asked for nothing else (only-if-cached).'
  return refuse(call, { code: 'gateway_not_cached', message })
}
