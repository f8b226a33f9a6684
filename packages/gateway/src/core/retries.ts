import type { Call } from './call.ts'
import type { Reply } from './reply.ts'

/** The caller wants no answer any more. Where only an aborted signal is known, as much is assumed. */
export function isGivenUp({ state: origin, signal }: Call): boolean {
  if (origin.userSignal?.aborted) return true
  // Of its own calls the `openai` client also aborts those that take too long, and still takes an answer.
  return signal.aborted && !origin.marked
}

/** What the SDK does with such an outcome. Source: openai 7.57, `shouldRetry`, `makeRequest`, `parseResponseWithTimeout`. */
export function willRetry({ state: origin, attempt, signal, view }: Call, { recording }: Reply): boolean {
  if (origin.userSignal?.aborted) return false
  const { status, headers } = recording
  if (status === 401 && origin.refreshes) return true
  if (origin.retriesAfter(attempt) === 0) return false
  if (status === undefined) return true
  // A stream is never asked for again; a whole body that takes longer than the SDK's `timeout` is.
  if (signal.aborted && status === 200) return origin.marked && !view.stream
  const said = headers.get('x-should-retry')
  if (said !== null) return said === 'true'
  return status === 408 || status === 409 || status === 429 || status >= 500
}
