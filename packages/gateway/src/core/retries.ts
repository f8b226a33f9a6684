import type { Call } from './call.ts'
import type { Reply } from './reply.ts'

/** Whether the caller no longer wants an answer. If only an aborted signal is known, an abort is assumed. */
export function isGivenUp({ state, signal }: Call): boolean {
  if (state.userSignal?.aborted) return true
  // The `openai` client also aborts attempts that time out, and still takes an answer.
  return signal.aborted && !state.isGatewayClient
}

/**
 * Predicts whether the SDK retries after this reply. Source: openai 7.57, `shouldRetry`, `makeRequest`,
 * `parseResponseWithTimeout`.
 */
export function willRetry({ state, attempt, signal, view }: Call, { recording }: Reply): boolean {
  if (state.userSignal?.aborted) return false
  const { status, headers } = recording
  if (status === 401 && state.refreshes) return true
  if (state.retriesAfter(attempt) === 0) return false
  if (status === undefined) return true
  // The SDK never retries a stream once it began; it does retry a whole body that exceeds its `timeout`.
  if (signal.aborted && status === 200) return state.isGatewayClient && !view.stream
  const shouldRetry = headers.get('x-should-retry')
  if (shouldRetry !== null) return shouldRetry === 'true'
  return status === 408 || status === 409 || status === 429 || status >= 500
}
