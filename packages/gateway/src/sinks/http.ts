import { codeOf } from '../util/error-text.ts'
import { maskPersonal, maskSecrets } from '../util/redact.ts'
import { DeliveryError } from './sink.ts'

/** What of an answer tells why a receiver took nothing. */
export type Answer = { status: number; headers: Headers; text: string }

/**
 * One request to a receiver, its answer read whole.
 * @throws DeliveryError when none came.
 */
export async function ask(
  who: string,
  url: string,
  request: Pick<RequestInit, 'method' | 'headers' | 'body'>,
  signal: AbortSignal,
): Promise<Answer> {
  try {
    const response = await globalThis.fetch(url, { ...request, signal })
    return { status: response.status, headers: response.headers, text: await response.text() }
  } catch (error) {
    throw networkError(who, error, signal)
  }
}

/**
 * The trouble with a receiver that answered none of what its protocol says. Its own words are cut and masked: they may
 * quote what was sent, and end in a log.
 */
export function httpError(who: string, { status, headers, text }: Answer, keys: string): DeliveryError {
  const words = excerpt(text)
  if (status === 401 || status === 403) return new DeliveryError(`${status} from ${who}: check ${keys}`)
  const retryAfterMs = afterOf(headers.get('retry-after'))
  if (status === 429) return new DeliveryError(`429 from ${who}: too many requests`, { retryAfterMs })
  // A proxy says 502 and 504 of what the server behind it may still do.
  const unsure = status >= 500 && status !== 503
  return new DeliveryError(`${status} from ${who}${words === '' ? '' : `: ${words}`}`, {
    retryAfterMs,
    unsure,
  })
}

/** The trouble with a receiver that did not answer. */
export function networkError(who: string, error: unknown, signal: AbortSignal): DeliveryError {
  if (signal.aborted && signal.reason instanceof DeliveryError) return signal.reason
  const cause = error instanceof Error ? (error.cause ?? error) : undefined
  const code = codeOf(cause)
  return new DeliveryError(`${who} cannot be reached${code === undefined ? '' : ` (${code})`}`, {
    unsure: code === undefined || !NEVER_SENT.has(code),
  })
}

/** There was no connection. */
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

/** Seconds, or a date. */
function afterOf(text: string | null): number | undefined {
  if (text === null || text.trim() === '') return undefined
  const ms = Number.isFinite(Number(text)) ? Number(text) * 1_000 : Date.parse(text) - Date.now()
  return ms >= 0 ? ms : undefined
}
