import type { Operation } from '../core/operation.ts'
import type { ObservedAnswer } from '../core/recording.ts'
import type { MeteredUsage } from '../core/usage.ts'

export type Source = {
  operation: Operation
  /** Upstream was asked for a stream. */
  stream: boolean
  /** We asked for the usage of a stream whose caller did not. */
  usageInjected: boolean
  /** Upstream is Azure, which may bill requests it refuses. */
  azure: () => boolean
  /** Turns what was seen of an answer into tokens. */
  meter: (seen: ObservedAnswer) => MeteredUsage | Promise<MeteredUsage>
}
