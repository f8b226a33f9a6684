import { errorCode } from '../body/error-code.ts'
import type { Call } from '../core/call.ts'
import type { Reply } from '../core/reply.ts'
import { isInstance } from '../util/error-text.ts'

const OVERLOADED = new Set([408, 409, 429])

/**
 * Whether another model may succeed: upstream was unreachable, overloaded or broken, or the question is too long for
 * this model. Applies only before the first byte has been returned, and while the caller still waits.
 */
export async function failsOver(reply: Reply, call: Call): Promise<boolean> {
  if (reply.via === 'refused' || call.signal.aborted) return false
  const { status, headers } = reply.recording
  if (status === undefined) {
    const ending = await reply.recording.ended
    return ending.type === 'failed' && !isFetchsOwn(ending.error)
  }
  if (headers.get('x-should-retry') === 'false' && status !== 400) return false
  if (status !== 400 && status !== 429) return status >= 500 || OVERLOADED.has(status)
  const code = await errorCode(reply, call)
  return status === 429 ? code !== 'insufficient_quota' : code === 'context_length_exceeded'
}

/** Whether upstream never saw the request: its connection had been closed while idle. */
export async function wasUnseen({ via, recording }: Reply, { signal }: Call): Promise<boolean> {
  if (via === 'refused' || recording.status !== undefined || signal.aborted) return false
  const ending = await recording.ended
  return ending.type === 'failed' && ending.unseen === true
}

/** Error codes of `fetch` itself: an invalid `location`, a 421 that it cannot send again. */
const FETCHS_OWN: ReadonlySet<unknown> = new Set(['ERR_INVALID_URL', 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH'])

/**
 * Whether upstream answered but `fetch` rejected the answer: an endless redirect, a proxy that requires a login.
 * Another model has the same address. Connection errors have a code, those of `fetch` mostly none.
 */
function isFetchsOwn(error: unknown): boolean {
  if (!isInstance(error, TypeError) || error.message !== 'fetch failed') return false
  const { cause } = error
  return isInstance(cause, Error) && (!('code' in cause) || FETCHS_OWN.has(cause.code))
}
