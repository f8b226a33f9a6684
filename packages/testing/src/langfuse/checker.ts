import { type Json, type JsonObject, object, text } from '../core/json.ts'
import { describedBy } from './described.ts'
import type { FakeLangfuseOptions } from './options.ts'
import { exportProblem, type Span } from './otlp.ts'
import { batchOf, eventFindings, idOfEvent, scoreFindings } from './rules.ts'
import { spanProblems } from './span-rules.ts'
import { textProblems } from './texts.ts'

/** Checks everything that arrives, and keeps its complaints. */
export type Checker = {
  complaints: string[]
  checked: () => number
  batch: (body: JsonObject) => void
  score: (body: JsonObject) => void
  export: (body: JsonObject, spans: Span[]) => void
  /** A body of the unstable API; checked against the description alone. */
  described: (schema: string, body: JsonObject) => void
  complain: (id: string, problem: string) => void
  reset: () => void
}

/** Rejects where the description cannot be read. */
export async function createChecker({
  version = '4.16.0',
  apiDescription,
}: FakeLangfuseOptions): Promise<Checker> {
  const described = apiDescription === undefined ? undefined : await describedBy(apiDescription)
  const complaints: string[] = []
  let checked = 0

  function complain(id: string, problem: string) {
    complaints.push(`${id}: ${problem}`)
  }

  function compare(id: string, schema: string, value: Json) {
    for (const problem of described?.(schema, value) ?? []) complain(id, `${schema}: ${problem}`)
  }

  return {
    complaints,
    checked: () => checked,
    complain,
    batch(body) {
      const batch = batchOf(body)
      if (batch === undefined) return complain('unknown', 'the body has no batch')
      const ids = new Set<string>()
      for (const event of batch) {
        checked += 1
        const id = idOfEvent(event)
        if (ids.has(id)) complain(id, 'comes twice in one batch')
        ids.add(id)
        for (const { problem } of eventFindings(event, version)) complain(id, problem)
        for (const problem of textProblems(event)) complain(id, problem)
        compare(id, 'IngestionEvent', event)
      }
    },
    score(body) {
      checked += 1
      const id = text(body.id) || 'unknown'
      for (const { problem } of scoreFindings(body, version)) complain(id, problem)
      for (const problem of textProblems(body)) complain(id, problem)
      compare(id, 'CreateScoreRequest', body)
    },
    export(body, spans) {
      const refused = exportProblem(body)
      if (refused) complain('unknown', refused)
      for (const span of spans) {
        checked += 1
        const id = text(span.raw.spanId) || 'unknown'
        for (const problem of spanProblems(span)) complain(id, problem)
        for (const problem of textProblems(span.raw)) complain(id, problem)
        compare(id, 'OtelSpan', withNumbers(span.raw))
      }
    },
    described(schema, body) {
      checked += 1
      compare(text(body.name) || schema, schema, body)
    },
    reset() {
      complaints.length = 0
      checked = 0
    },
  }
}

/** The description has integers where OTLP's JSON has strings of digits, which the server takes. */
function withNumbers(span: JsonObject): JsonObject {
  return object(
    JSON.parse(JSON.stringify(span), (key, value: unknown) =>
      key === 'intValue' && typeof value === 'string' ? Number(value) : value,
    ),
  )
}
