import { randomUUID } from 'node:crypto'
import { addable } from './buffered-response.ts'
import { replayableHeaders } from './replay.ts'

/** Headers of a live answer that hold for every reader: its form, and when to ask again. */
const COMMON = new Set(['content-type', 'retry-after', 'retry-after-ms', 'x-should-retry'])

/**
 * An answer that another account asked for, as a stored one would be given: cookies, organizations, limits and ids of the
 * other's exchange with upstream are not told.
 */
export function foreignView(response: Response): Response {
  const headers = addable(response)
  const kept = replayableHeaders(headers)
  for (const name of [...headers.keys()]) if (!COMMON.has(name)) headers.delete(name)
  headers.set('x-request-id', randomUUID())
  for (const [name, value] of kept) headers.set(name, value)
  return response
}
