import { randomUUID } from 'node:crypto'
import { addable } from './buffered-response.ts'
import { replayableHeaders } from './replay.ts'

/** Headers of a live answer that apply to every reader: its type, and when to retry. */
const COMMON = new Set(['content-type', 'retry-after', 'retry-after-ms', 'x-should-retry'])

/**
 * Removes from another account's answer the headers of that account's exchange (cookies, organisation, limits, ids), as for a
 * cached answer.
 */
export function foreignView(response: Response): Response {
  const headers = addable(response)
  const kept = replayableHeaders(headers)
  for (const name of [...headers.keys()]) if (!COMMON.has(name)) headers.delete(name)
  headers.set('x-request-id', randomUUID())
  for (const [name, value] of kept) headers.set(name, value)
  return response
}
