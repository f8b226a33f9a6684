import { codeOf, isInstance } from '../util/error-text.ts'
import { maskPersonal, maskSecrets } from '../util/redact.ts'
import { retryAfterMs } from '../util/retry-after.ts'
import { DeliveryError } from './sink.ts'

/** A receiver's answer, as far as it explains a failure. */
export type Answer = { status: number; headers: Headers; text: string }

/**
 * Sends one request to a receiver and reads its whole answer. A redirect is an answer: after most of them `fetch` would ask
 * without the body, and take the success of that for one of the request; and it would take keys in headers to any origin.
 * @throws DeliveryError if there was no answer.
 */
export async function ask(
  who: string,
  url: string,
  request: Pick<RequestInit, 'method' | 'headers' | 'body'>,
  signal: AbortSignal,
): Promise<Answer> {
  try {
    const response = await globalThis.fetch(url, { ...request, redirect: 'manual', signal })
    return { status: response.status, headers: response.headers, text: await response.text() }
  } catch (error) {
    throw networkError(who, error, signal)
  }
}

/**
 * Builds the error for an answer outside the receiver's protocol. The receiver's text is cut and masked: it may quote
 * the request, and ends in a log.
 */
export function httpError(who: string, { status, headers, text }: Answer, keys: string): DeliveryError {
  const words = excerpt(text)
  if (status === 401 || status === 403) return new DeliveryError(`${status} from ${who}: check ${keys}`)
  const askedMs = retryAfterMs(headers.get('retry-after'))
  if (status === 429)
    return new DeliveryError(`429 from ${who}: too many requests`, { retryAfterMs: askedMs })
  // After a 502 or 504 of a proxy, the server behind it may still process the request.
  const unsure = status >= 500 && status !== 503
  return new DeliveryError(`${status} from ${who}${words === '' ? '' : `: ${words}`}`, {
    retryAfterMs: askedMs,
    unsure,
  })
}

/** Builds the error for a request without an answer. */
export function networkError(who: string, error: unknown, signal: AbortSignal): DeliveryError {
  if (signal.aborted && isInstance(signal.reason, DeliveryError)) return signal.reason
  const cause = isInstance(error, Error) ? (error.cause ?? error) : undefined
  const code = codeOf(cause)
  return new DeliveryError(`${who} cannot be reached${code === undefined ? '' : ` (${code})`}`, {
    unsure: code === undefined || !NEVER_SENT.has(code),
  })
}

/** Error codes of requests that never had a connection. */
const NEVER_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
])

export function excerpt(text: string): string {
  const plain = text
    .slice(0, 2_000)
    .replaceAll(/<(style|script)[\s\S]*?<\/\1>|<[^>]*>/gi, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim()
  return maskPersonal(maskSecrets(plain)).slice(0, 160)
}
