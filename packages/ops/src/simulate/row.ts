import * as z from 'zod'

const GOVERNED = ['chat', 'responses', 'embeddings', 'completions'] as const

/** An empty cell of CSV, and `null`, stand for a value that is not there. */
const optional = <T extends z.ZodType>(type: T) =>
  z.preprocess((value) => (value === '' || value === null ? undefined : value), type.optional())
const count = optional(z.coerce.number().nonnegative())
const name = optional(z.string())

/**
 * A call as `llm-gateway usage export` writes it, or another program: columns that are not here are ignored. Numbers may be
 * texts, as in CSV.
 */
const rowSchema = z.object({
  at: z.union([
    z.coerce.number().positive(),
    z.string().transform((text, context) => {
      const at = Date.parse(text)
      if (!Number.isNaN(at)) return at
      context.addIssue({ code: 'custom', message: 'must be a time, such as 2026-11-23T06:00:00Z' })
      return z.NEVER
    }),
  ]),
  agent: z.string().min(1),
  team: z.string().min(1),
  operation: optional(z.string()),
  model: name,
  model_asked: name,
  route: name,
  cache: name,
  bypass: name,
  question: name,
  age_ms: count,
  input_tokens: count,
  cached_input_tokens: count,
  output_tokens: count,
  max_output_tokens: count,
  cost_usd: count,
  saved_usd: count,
  latency_ms: count,
  waited_ms: count,
  status: name,
  error: name,
})

/** A call of the past: `at` in milliseconds since the epoch. */
export type Row = z.infer<typeof rowSchema>
export type Operation = (typeof GOVERNED)[number]

/** Returns a row, or the words for what is wrong with it. */
export function rowFrom(value: unknown): Row | string {
  const { data, error } = rowSchema.safeParse(value)
  if (data !== undefined) return data
  const [issue] = error.issues
  return `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is not valid'}`
}

/** Returns the operation of a row; `undefined`: a path that the gateway only passes on. @default chat */
export const operationOf = ({ operation = 'chat' }: Row): Operation | undefined =>
  GOVERNED.find((known) => known === operation)
