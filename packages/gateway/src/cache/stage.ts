import type { Metered } from '../account/meter.ts'
import type { Answer, Ending } from '../body/recording.ts'
import { lasting, replay } from '../body/replay.ts'
import type { Call, Reply, Stage } from '../call.ts'
import { refuse } from '../refuse.ts'
import { admissible } from './admit.ts'
import { withEcho } from './echo.ts'
import { keysOf } from './key.ts'
import type { CacheEntry, CacheStore } from './store.ts'

/** Answers what has been answered; keeps what is worth it. */
export function cache(store: CacheStore, remoteContent: boolean): Stage {
  // Putting an answer away waits until its readers have had their turn, unless somebody asks for it first.
  const unfinished = new Map<string, () => unknown>()

  return (next) =>
    async function cache(call) {
      const { controls, caller } = call
      if (!caller.shares) return without(call, 'off')
      const keys = keysOf(call, remoteContent)
      if ('bypass' in keys) return without(call, keys.bypass)

      if (controls.cache.read && caller.exactTtl !== undefined) {
        unfinished.get(keys.exact)?.()
        const found = store.get(keys.exact)
        const entry = found instanceof Promise ? await found : found
        if (entry !== undefined && serves(entry, call)) return hit(entry, call)
      }
      if (controls.cache.onlyIfCached) return notCached(call)

      const reply = await next(controls.cache.read ? { ...call, flight: keys.flight } : call)
      if (reply.via === 'upstream')
        void reply.recording.ended.then((ending) => keep(keys.exact, call, reply, ending))
      return controls.cache.read ? reply : { ...reply, bypass: 'no-cache' }

      async function without(call: Call, bypass: string): Promise<Reply> {
        if (controls.cache.onlyIfCached) return notCached(call)
        const reply = await next(call)
        return { ...reply, bypass }
      }
    }

  function keep(key: string, call: Call, reply: Reply, ending: Ending) {
    const ttl = Math.min(call.caller.exactTtl ?? 0, call.controls.cache.ttl ?? Number.POSITIVE_INFINITY)
    const wanted = call.controls.cache.store && ttl > 0 && reply.recording.status === 200
    if (wanted && ending.type === 'complete') {
      const putAway = () => {
        if (unfinished.get(key) === putAway) unfinished.delete(key)
        const answer = ending.answer()
        if (answer !== undefined && admissible(call, answer))
          return store.set(key, entryOf(answer, reply, ending.usage, call), ttl)
      }
      if (call.view.stream) postpone(key, putAway)
      else void putAway()
    }
    reply.land?.()
  }

  /** What a stream adds up to is worked out after its readers had their turn; but not many wait for that. */
  function postpone(key: string, putAway: () => unknown) {
    unfinished.set(key, putAway)
    const [oldest] = unfinished.size > 16 ? unfinished.values() : []
    oldest?.()
    setImmediate(() => unfinished.get(key) === putAway && putAway())
  }
}

function entryOf({ text, json }: Answer, reply: Reply, usage: Metered, { view }: Call): CacheEntry {
  return {
    text,
    usage,
    model: reply.model,
    headers: lasting(reply.recording.headers),
    answerId: typeof json.id === 'string' ? json.id : undefined,
    untold: view.stream && usage.estimated,
    storedAt: Date.now(),
  }
}

function serves(entry: CacheEntry, { controls, view }: Call): boolean {
  const { maxAge } = controls.cache
  if (maxAge !== undefined && Date.now() - entry.storedAt > maxAge * 1_000) return false
  return !entry.untold || (view.stream && !view.includeUsage)
}

function hit(entry: CacheEntry, call: Call): Reply {
  const answer = call.operation === 'responses' ? echoed(entry, call) : entry
  return {
    via: 'exact',
    model: entry.model,
    route: call.route,
    ageMs: Math.max(0, Date.now() - entry.storedAt),
    recording: replay(answer, call.operation, call.outgoing.url),
  }
}

const echoed = (entry: CacheEntry, call: Call): CacheEntry => ({
  ...entry,
  text: withEcho(entry.text, JSON.parse(entry.text), call.body),
})

function notCached(call: Call): Reply {
  const message = 'There is no cached answer to this request, and it asked for nothing else (only-if-cached).'
  return refuse(call, { code: 'gateway_not_cached', message })
}
