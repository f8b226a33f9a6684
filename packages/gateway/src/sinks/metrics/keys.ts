import { HOUR_MS, MINUTE_MS } from './counters.ts'

export type Span = 'minute' | 'hour'

export const MS_OF: Record<Span, number> = { minute: MINUTE_MS, hour: HOUR_MS }

/** All in one slot of a cluster, so that one command reaches them. */
export const keyOf = (span: Span, at: number): string =>
  `gw:{metrics}:${span}:${Math.floor(at / MS_OF[span])}`

export const writerKeyOf = (process: string): string => `gw:{metrics}:writer:${process}`
