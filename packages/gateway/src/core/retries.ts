import type { Call } from './call.ts'
import type { Reply } from './reply.ts'

/** Whether the caller no longer wants an answer. If only an aborted signal is known, an abort is assumed. */
export function isGivenUp({ state: origin, signal }: Call): boolean {
  if (origin.userSignal?.aborted) return true
  // The `openai` client also aborts attempts that time out, and still takes an answer.
  return signal.aborted && !origin.marked
}

/**
 * Predicts whether the SDK retries after this reply. Source: openai 7.57, `shouldRetry`, `makeRequest`,
 * `parseResponseWithTimeout`.
 */
export function willRetry({ state: origin, attempt, signal, view }: Call, { recording }: Reply): boolean {
  if (origin.userSignal?.aborted) return false
  const { status, headers } = recording
  if (status === 401 && origin.refreshes) return true
  if (origin.retriesAfter(attempt) === 0) return false
  if (status === undefined) return true
  // The SDK never retries a stream once it began; it does retry a whole body that exceeds its `timeout`.
  if (signal.aborted && status === 200) return origin.marked && !view.stream
  const said = headers.get('x-should-retry')
  if (said !== null) return said === 'true'
  return status === 408 || status === 409 || status === 429 || status >= 500
}
