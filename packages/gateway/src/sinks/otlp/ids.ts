import { createHash } from 'node:crypto'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const TRACE_ID = /^(?!0{32})[0-9a-f]{32}$/

/**
 * Returns an OpenTelemetry trace id: 32 hex digits. Keeps such an id, removes a UUID's dashes, and hashes any other id
 * as Langfuse's `createTraceId(seed)` does, so that both name the same trace.
 */
export function traceIdOf(id: string): string {
  if (TRACE_ID.test(id)) return id
  return UUID.test(id) ? id.replaceAll('-', '') : sha256(id).slice(0, 32)
}

/** Returns a span id: 16 hex digits, not all zero. */
export const spanIdOf = (id: string): string =>
  UUID.test(id) ? id.replaceAll('-', '').slice(0, 16) : sha256(id).slice(0, 16)

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
