import fc from 'fast-check'

/** A row of `llm_usage`, as far as reports read it. */
export type Row = {
  request_id: string
  at: number
  team: string
  agent: string
  operation: string
  model: string
  route: string
  cache: string
  status: string
  error: string | null
  /** Billionths of a dollar. */
  cost: number | null
  saved: number | null
  latency_ms: number | null
  attempts: number
  input_tokens: number | null
  cached_input_tokens: number | null
  output_tokens: number | null
  reasoning_tokens: number | null
  tags: readonly string[]
}

const orNull = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null, freq: 6 })

/** Rows of a span around an instant; ids are their places. @param days before and after `around` */
export const rowsAround = (around: number, days: number): fc.Arbitrary<Row[]> =>
  fc
    .array(
      fc.record({
        at: fc
          .integer({ min: -days * 86_400, max: days * 86_400 })
          .map((seconds) => around + seconds * 1_000),
        team: fc.constantFrom('a', 'b', 'c'),
        agent: fc.constantFrom('x', 'y', '"odd" <agent>'),
        operation: fc.constantFrom('chat', 'chat', 'responses', 'embeddings', 'other'),
        model: fc.constantFrom('gpt-4o-mini', 'gpt-4o', 'unheard-of'),
        route: fc.constantFrom('default', 'escalated', 'requested', 'failover'),
        cache: fc.constantFrom(
          'miss',
          'miss',
          'exact',
          'semantic',
          'flight',
          'stale',
          'bypass',
          'of-a-newer-gateway',
        ),
        status: fc.constantFrom('ok', 'ok', 'ok', 'refused', 'failed', 'aborted'),
        error: orNull(
          fc.constantFrom('gateway_rpm_exceeded', 'gateway_daily_usd_exceeded', 'gateway_unknown_key'),
        ),
        cost: orNull(fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 40_000_000_000 }))),
        saved: orNull(fc.integer({ min: 0, max: 9_000_000_000 })),
        latency_ms: orNull(
          fc.oneof(fc.integer({ min: 0, max: 3_000 }), fc.integer({ min: 0, max: 900_000 })),
        ),
        attempts: fc.integer({ min: 0, max: 3 }),
        input_tokens: orNull(fc.integer({ min: 0, max: 100_000 })),
        cached_input_tokens: orNull(fc.integer({ min: 0, max: 1_000 })),
        output_tokens: orNull(fc.integer({ min: 0, max: 10_000 })),
        reasoning_tokens: orNull(fc.integer({ min: 0, max: 1_000 })),
        tags: fc.constantFrom([], ['web'], ['web', 'gateway:semantic']),
      }),
      { maxLength: 60, size: 'max' },
    )
    .map((rows) => rows.map((row, at) => ({ request_id: `call-${String(at).padStart(3, '0')}`, ...row })))

const text = (value: string | null) => (value === null ? 'null' : `'${value.replaceAll("'", "''")}'`)
const dollars = (billionths: number | null) => (billionths === null ? 'null' : `${billionths} / 1e9::numeric`)

/** Returns the statement that replaces all rows by these. */
export function insertOf(rows: readonly Row[]): string {
  const values = rows.map(
    (row) =>
      `(${[
        text(row.request_id),
        text(new Date(row.at).toISOString()),
        ...[row.team, row.agent, row.operation, row.model, row.route, row.cache, row.status, row.error].map(
          text,
        ),
        dollars(row.cost),
        dollars(row.saved),
        ...[
          row.latency_ms,
          row.attempts,
          row.input_tokens,
          row.cached_input_tokens,
          row.output_tokens,
          row.reasoning_tokens,
        ].map(String),
        `array[${row.tags.map(text).join(', ')}]::text[]`,
        text('/v1/chat/completions'),
      ].join(', ')})`,
  )
  return `truncate public.llm_usage; ${
    rows.length === 0
      ? ''
      : `insert into public.llm_usage (request_id, at, team, agent, operation, model, route, cache, status, error, cost_usd,
    saved_usd, latency_ms, attempts, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, tags, path)
    values ${values.join(',\n')}`
  }`
}
