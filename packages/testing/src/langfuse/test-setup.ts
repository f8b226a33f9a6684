import { onTestFinished } from 'vitest'
import type { Json, JsonObject } from '../core/json.ts'
import { type FakeLangfuseOptions, startFakeLangfuse } from './server.ts'

/** Starts a stand-in and returns functions that send to it. It is closed after the test. */
export async function setup(options?: FakeLangfuseOptions) {
  const langfuse = await startFakeLangfuse(options)
  onTestFinished(() => langfuse.close())
  const authorization = `Basic ${btoa(`${langfuse.publicKey}:${langfuse.secretKey}`)}`
  const post = (path: string, body: unknown, init: RequestInit = {}) =>
    fetch(langfuse.baseURL + path, {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
      ...init,
      headers: { authorization, 'content-type': 'application/json', ...init.headers },
    })
  return {
    langfuse,
    post,
    ingest: (...batch: unknown[]) => post('/api/public/ingestion', { batch }),
    export: (...spans: unknown[]) =>
      post('/api/public/otel/v1/traces', { resourceSpans: [{ scopeSpans: [{ spans }] }] }),
  }
}

let events = 0
/** Returns an event of a batch. */
export const event = (type: string, body: JsonObject) => ({
  id: `event-${++events}`,
  type,
  timestamp: new Date().toISOString(),
  body,
})

const START = 1_790_000_000_000_000_000n
const hex = (length: number) => (++events).toString(16).padStart(length, 'a')

/** Returns a span in OTLP's JSON from attributes as plain values. */
export function span(attributes: Record<string, Json>, fields: JsonObject = {}) {
  return {
    traceId: hex(32),
    spanId: hex(16),
    name: 'chat',
    kind: 3,
    startTimeUnixNano: String(START),
    endTimeUnixNano: String(START + 1_500_000_000n),
    attributes: Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) })),
    ...fields,
  }
}

function anyValue(value: Json): JsonObject {
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValue) } }
  if (typeof value === 'boolean') return { boolValue: value }
  if (typeof value === 'number')
    return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value }
  return { stringValue: typeof value === 'string' ? value : JSON.stringify(value) }
}
