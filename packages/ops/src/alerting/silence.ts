import * as z from 'zod'
import type { Alert } from './alert.ts'
import { matchesPattern } from './names.ts'

/** A silence keeps alerts that match from being told. */
export const silenceSchema = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{8}$/),
  /** Values by label; `alert` is the condition's name. `*` at an end matches any rest. All must match. */
  matchers: z.record(z.string(), z.string()),
  /** Milliseconds since the epoch. */
  createdAt: z.number(),
  until: z.number(),
  by: z.string(),
  comment: z.string(),
})
export type Silence = z.infer<typeof silenceSchema>

export const acknowledgementSchema = z.strictObject({
  incident: z.string(),
  at: z.number(),
  by: z.string(),
  comment: z.string(),
})
export type Acknowledgement = z.infer<typeof acknowledgementSchema>

/** Tells whether a silence is in force at `now` and matches an alert. */
export function silences(silence: Silence, { alert, labels }: Alert, now: number): boolean {
  if (now >= silence.until) return false
  const values: Record<string, string> = { ...labels, alert }
  return Object.entries(silence.matchers).every(([name, pattern]) => matchesPattern(values[name], pattern))
}
