import { errorCode } from '../body/error-code.ts'
import type { Call } from '../core/call.ts'
import type { Reply } from '../core/reply.ts'

const BROKEN = new Set([408, 409, 429])

/**
 * Whether another model may do better: upstream could not be reached, is overloaded or broken, or the question is too
 * long for this model. Only a first byte that has not left can be taken back, and only the caller can give up.
 */
export async function failsOver(reply: Reply, call: Call): Promise<boolean> {
  if (reply.via === 'refused' || call.signal.aborted) return false
  const { status, headers } = reply.recording
  if (status === undefined) {
    const ending = await reply.recording.ended
    return ending.type === 'failed' && !isFetchsOwn(ending.error)
  }
  if (headers.get('x-should-retry') === 'false' && status !== 400) return false
  if (status !== 400 && status !== 429) return status >= 500 || BROKEN.has(status)
  const code = await errorCode(reply, call)
  return status === 429 ? code !== 'insufficient_quota' : code === 'context_length_exceeded'
}

/** Whether upstream never saw the request: the connection that it left by had been closed while it was idle. */
export async function wasUnseen({ via, recording }: Reply, { signal }: Call): Promise<boolean> {
  if (via === 'refused' || recording.status !== undefined || signal.aborted) return false
  const ending = await recording.ended
  return ending.type === 'failed' && ending.unseen === true
}

/** Codes of what `fetch` finds wrong itself: a `location` that is no address, a 421 that it cannot ask again. */
const FETCHS_OWN: ReadonlySet<unknown> = new Set(['ERR_INVALID_URL', 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH'])

/**
 * Whether upstream did answer, and `fetch` would have none of it: a redirect without an end, a proxy that wants a login.
 * Another model has the same address. Errors of connections have a code, those of `fetch` mostly none.
 */
function isFetchsOwn(error: unknown): boolean {
  if (!(error instanceof TypeError) || error.message !== 'fetch failed') return false
  const { cause } = error
  return cause instanceof Error && (!('code' in cause) || FETCHS_OWN.has(cause.code))
}
