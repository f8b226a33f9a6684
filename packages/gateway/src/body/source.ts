import type { Operation } from '../core/operation.ts'
import type { ObservedAnswer } from '../core/recording.ts'
import type { MeteredUsage } from '../core/usage.ts'

export type Source = {
  operation: Operation
  /** The request asked upstream for a stream. */
  stream: boolean
  /** The gateway asked for the usage of a stream, and its caller did not. */
  usageInjected: boolean
  /** Whether upstream is Azure, which may bill refused requests. */
  azure: () => boolean
  /** Counts the tokens of an answer. */
  meter: (answer: ObservedAnswer) => MeteredUsage | Promise<MeteredUsage>
}
