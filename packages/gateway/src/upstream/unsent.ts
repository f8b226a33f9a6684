import { isInstance } from '../util/error-text.ts'

/** Error codes that occur only while a name is resolved or a connection is opened. */
const BEFORE = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_FAIL',
  'EAI_NODATA',
  'UND_ERR_CONNECT_TIMEOUT',
])
/** Error codes that also occur on open connections: they count only if the system call is one of `CALLS`. */
const EITHER = new Set(['EHOSTUNREACH', 'ENETUNREACH', 'ENETDOWN', 'EHOSTDOWN', 'ETIMEDOUT', 'EADDRNOTAVAIL'])
const CALLS = new Set(['connect', 'getaddrinfo'])

/** Returns whether an error of `fetch` proves that no byte of the request was sent: no connection was opened. */
export function neverLeft(error: unknown): boolean {
  if (!isInstance(error, Error)) return false
  return isBefore(error.cause)
}

function isBefore(cause: unknown): boolean {
  if (typeof cause !== 'object' || cause === null) return false
  const { code, syscall, errors } = cause as { code?: unknown; syscall?: unknown; errors?: unknown }
  // Several addresses were tried: every attempt must have failed before a connection was opened.
  if (Array.isArray(errors) && errors.length > 0) return errors.every(isBefore)
  if (typeof code !== 'string') return false
  return BEFORE.has(code) || (EITHER.has(code) && typeof syscall === 'string' && CALLS.has(syscall))
}
