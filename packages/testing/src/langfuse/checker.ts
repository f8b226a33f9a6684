import { type Json, type JsonObject, object, text } from '../core/json.ts'
import { loadDescription } from './api-description.ts'
import { batchOf, eventFindings, idOfEvent, scoreFindings } from './event-rules.ts'
import type { FakeLangfuseOptions } from './options.ts'
import { exportProblem, type Span } from './otlp.ts'
import { spanProblems } from './span-rules.ts'
import { textProblems } from './text-rules.ts'

/** Checks received data and collects complaints. */
export type Checker = {
  /** Each begins with the id of what it is about. */
  complaints: string[]
  /** Counts what was checked. */
  checked: () => number
  batch: (body: JsonObject) => void
  score: (body: JsonObject) => void
  export: (body: JsonObject, spans: Span[]) => void
  /** Checks a body of the unstable API, against the API description only. */
  dashboardBody: (schema: string, body: JsonObject) => void
  complain: (id: string, problem: string) => void
  reset: () => void
}

/** Creates a checker. Rejects where the API description cannot be read. */
export async function createChecker({
  version = '4.16.0',
  apiDescription,
}: FakeLangfuseOptions): Promise<Checker> {
  const description = apiDescription === undefined ? undefined : await loadDescription(apiDescription)
  const complaints: string[] = []
  let checked = 0

  function complain(id: string, problem: string) {
    complaints.push(`${id}: ${problem}`)
  }

  function checkDescription(id: string, schema: string, value: Json) {
    for (const problem of description?.(schema, value) ?? []) complain(id, `${schema}: ${problem}`)
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
        checkDescription(id, 'IngestionEvent', event)
      }
    },
    score(body) {
      checked += 1
      const id = text(body.id) || 'unknown'
      for (const { problem } of scoreFindings(body, version)) complain(id, problem)
      for (const problem of textProblems(body)) complain(id, problem)
      checkDescription(id, 'CreateScoreRequest', body)
    },
    export(body, spans) {
      const rejection = exportProblem(body)
      if (rejection) complain('unknown', rejection)
      for (const span of spans) {
        checked += 1
        const id = text(span.raw.spanId) || 'unknown'
        for (const problem of spanProblems(span)) complain(id, problem)
        for (const problem of textProblems(span.raw)) complain(id, problem)
        checkDescription(id, 'OtelSpan', withNumericIntegers(span.raw))
      }
    },
    dashboardBody(schema, body) {
      checked += 1
      checkDescription(text(body.name) || schema, schema, body)
    },
    reset() {
      complaints.length = 0
      checked = 0
    },
  }
}

/** Converts integers to numbers: OTLP's JSON writes them as strings, which the description does not know. */
function withNumericIntegers(span: JsonObject): JsonObject {
  return object(
    JSON.parse(JSON.stringify(span), (key, value: unknown) =>
      key === 'intValue' && typeof value === 'string' ? Number(value) : value,
    ),
  )
}
