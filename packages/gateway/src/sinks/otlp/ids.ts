import { createHash } from 'node:crypto'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const TRACE_ID = /^(?!0{32})[0-9a-f]{32}$/

/**
 * A trace id as OpenTelemetry wants it: 32 hex digits. Such an id stays as it is, a UUID loses its dashes, and anything
 * else is hashed the way Langfuse's own `createTraceId(seed)` does, so that both name the same trace.
 */
export function traceIdOf(id: string): string {
  if (TRACE_ID.test(id)) return id
  return UUID.test(id) ? id.replaceAll('-', '') : sha256(id).slice(0, 32)
}

/** A span id: 16 hex digits, not all of them zero. */
export const spanIdOf = (id: string): string =>
  UUID.test(id) ? id.replaceAll('-', '').slice(0, 16) : sha256(id).slice(0, 16)

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
