import { callHook } from '../util/faults.ts'
import { isCount } from './delivery.ts'
import type { Sink, SpillStats } from './sink.ts'

const NAMES = ['waiting', 'delivered', 'rejected'] as const

/** Reads a sink's spill counts. Returns `undefined` if the sink has none, or fails. */
export function spilledOf(sink: Sink, failed: (error: unknown) => void): SpillStats | undefined {
  if (sink.spill === undefined) return undefined
  const given: { [Name in keyof SpillStats]?: unknown } | null | undefined = callHook(
    () => sink.spill?.(),
    failed,
  )
  return callHook(() => {
    const stats: SpillStats = { waiting: 0 }
    for (const name of NAMES) {
      const count = given?.[name]
      if (isCount(count)) stats[name] = count
    }
    return stats
  }, failed)
}
