import { HOUR_MS, MINUTE_MS } from './counters.ts'

export type Span = 'minute' | 'hour'

export const MS_OF: Record<Span, number> = { minute: MINUTE_MS, hour: HOUR_MS }

/** The shared hash tag keeps all keys in one cluster slot, so that one script reaches them. */
export const keyOf = (span: Span, at: number): string =>
  `gw:{metrics}:${span}:${Math.floor(at / MS_OF[span])}`

export const writerKeyOf = (process: string): string => `gw:{metrics}:writer:${process}`
