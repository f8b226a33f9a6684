import type { Settings } from '../config/settings.ts'
import type { Observer } from '../core/observer.ts'
import type { createSinks } from '../sinks/fan-out.ts'
import { detached, type Fault, guarded } from '../util/faults.ts'
import type { Hooks } from './hooks.ts'
import type { LazySemanticCache } from './lazy-semantic.ts'

type Parts = {
  settings: Settings
  hooks: Hooks
  sinks: ReturnType<typeof createSinks>
  semanticCache: LazySemanticCache
  hasSinks: boolean
  fault: Fault
}

/** Passes reports of the gateway on to hooks, sinks and counters. */
export function createObserver({ settings, hooks, sinks, semanticCache, hasSinks, fault }: Parts) {
  const pending = new Set<Promise<void>>()
  const observer: Observer = {
    listens: settings.onCall !== undefined || hasSinks,
    call(record, call, ending) {
      hooks.onCall(record, call.state)
      guarded(() => semanticCache.count(record), fault, 'the semantic cache')
      const capture = call.confidential ? 'off' : (settings.capture ?? call.caller.capture)
      sinks.receive({ record, exchange: { call, ending } }, capture)
    },
    passThrough(record, state) {
      hooks.onCall(record, state)
      sinks.receive({ record }, 'off')
      hooks.announce()
    },
    background(work) {
      pending.add(work)
      detached(
        work.finally(() => pending.delete(work)),
        fault,
        'a direct call',
      )
      hooks.announce()
    },
  }
  return {
    ...observer,
    /** Resolves once all work in the background so far has ended. */
    settled: async () => await Promise.allSettled(pending),
  }
}
