/** Codes that only looking up a name or opening a connection brings. */
const BEFORE = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_FAIL',
  'EAI_NODATA',
  'UND_ERR_CONNECT_TIMEOUT',
])
/** Codes that an open connection may bring, too: they count only where the system call says that it was none. */
const EITHER = new Set(['EHOSTUNREACH', 'ENETUNREACH', 'ENETDOWN', 'EHOSTDOWN', 'ETIMEDOUT', 'EADDRNOTAVAIL'])
const CALLS = new Set(['connect', 'getaddrinfo'])

/** Whether an error of `fetch` proves that no byte of the request left: there never was a connection. */
export function neverLeft(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return isBefore(error.cause)
}

function isBefore(cause: unknown): boolean {
  if (typeof cause !== 'object' || cause === null) return false
  const { code, syscall, errors } = cause as { code?: unknown; syscall?: unknown; errors?: unknown }
  // Several addresses were tried: none of them may have been reached.
  if (Array.isArray(errors) && errors.length > 0) return errors.every(isBefore)
  if (typeof code !== 'string') return false
  return BEFORE.has(code) || (EITHER.has(code) && typeof syscall === 'string' && CALLS.has(syscall))
}
