import * as z from 'zod/mini'

/** Counters in Redis for alerts and reports, by minute, team and agent. */
export type MetricsOptions = {
  /** Seconds between two writes while there are calls; each write is one command. @default 5 */
  flushSeconds?: number
  /** Hours that minute counters are kept; hour counters are kept for 35 days. @default 26 */
  keepHours?: number
}

export type MetricsSettings = Required<MetricsOptions>

export const metricsSchema = z.optional(
  z.union(
    [
      z.literal(false),
      z.strictObject({
        flushSeconds: z.optional(z.number().check(z.positive(), z.maximum(3_600))),
        keepHours: z.optional(z.number().check(z.positive(), z.maximum(840))),
      }),
    ],
    'must be false, or say how often and for how long',
  ),
)

/** Returns `undefined` if the option is `false`. */
export function metricsSettings(given: false | MetricsOptions | undefined): MetricsSettings | undefined {
  if (given === false) return undefined
  return { flushSeconds: given?.flushSeconds ?? 5, keepHours: given?.keepHours ?? 26 }
}
