import * as z from 'zod'

const GOVERNED = ['chat', 'responses', 'embeddings', 'completions'] as const

/** An empty cell of CSV, and `null`, stand for a value that is not there. */
const optional = <T extends z.ZodType>(type: T) =>
  z.preprocess(
    (value) => (value === null || (typeof value === 'string' && value.trim() === '') ? undefined : value),
    type.optional(),
  )
/** Sums of times and tokens stay far below what a date and a double can hold. */
const MOST = 1e12
const NO_COUNT = `must be a number from 0 to ${MOST}`
/** A number, or its text; nothing else that JavaScript would make a number of, such as `true` or `[]`. */
const count = optional(
  z
    .union([z.number(), z.string().transform(Number)], { error: NO_COUNT })
    .refine((value) => value >= 0 && value <= MOST, { error: NO_COUNT }),
)
const required = z.string({ error: 'is missing' }).min(1, { error: 'is empty' })
const name = optional(z.string())

/** Earlier than any call of a model: seconds since 1970, or digits of a date, were taken for milliseconds. */
const FIRST_MS = Date.UTC(2000, 0, 1)
/** The end of the year 9999. */
const LAST_MS = Date.UTC(10_000, 0, 1) - 1

/** Returns milliseconds since the epoch; `NaN`: this is no time. */
function timeOf(value: unknown): number {
  if (typeof value === 'number') return value
  if (typeof value !== 'string' || value.trim() === '') return Number.NaN
  const ms = Number(value)
  return Number.isNaN(ms) ? Date.parse(value) : ms
}

/**
 * A call as `llm-gateway usage export` writes it, or another program: columns that are not here are ignored. Numbers may be
 * texts, as in CSV.
 */
const rowSchema = z.object({
  at: z.unknown().transform((value, context) => {
    const at = timeOf(value)
    if (at >= FIRST_MS && at <= LAST_MS) return at
    context.addIssue({
      code: 'custom',
      message: `${value === undefined ? 'is missing: it ' : ''}must be a time, such as 2026-11-23T06:00:00Z, or milliseconds since 1970`,
    })
    return z.NEVER
  }),
  agent: required,
  team: required,
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

/** Columns that a simulation reads. */
export const READ: ReadonlySet<string> = new Set(Object.keys(rowSchema.shape))

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
