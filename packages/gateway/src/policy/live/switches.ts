import * as z from 'zod/mini'
import type { Switches } from './live.ts'

const name = z.string().check(z.minLength(1))
const count = z.number().check(z.int(), z.positive())
const mode = z.optional(z.enum(['embedded', 'litellm', 'direct']))
const cache = z.optional(z.literal('off'))
const semantic = z.optional(z.enum(['off', 'shadow']))

export const switchesSchema = z.strictObject({
  mode,
  cache,
  semantic,
  agents: z.optional(
    z.record(name, z.strictObject({ mode, disabled: z.optional(z.literal(true)), cache, semantic })),
  ),
  teams: z.optional(
    z.record(
      name,
      z.strictObject({
        rpm: z.optional(count),
        tpm: z.optional(count),
        usdPerDay: z.optional(z.number().check(z.positive())),
      }),
    ),
  ),
  models: z.optional(z.record(name, name)),
})

// Fails to compile if the schema and the documented type differ.
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false
type Loose<T> = T extends object ? { [Key in keyof T]: Loose<T[Key]> | undefined } : T
true satisfies Same<Loose<z.infer<typeof switchesSchema>>, Loose<Switches>>
