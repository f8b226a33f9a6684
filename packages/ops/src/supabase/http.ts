/** Time limit of one request, in milliseconds. */
const TIMEOUT_MS = 10_000

export type Answer = {
  status: number
  json: unknown
  /** Clock of the server, from its `date` header, in milliseconds since the epoch; absent without one. */
  serverTime?: number
}

/**
 * Sends a request. Returns the error's text instead where no answer comes; it holds no credential. Redirects are not followed: they
 * would take the key to any origin.
 */
export async function ask(url: string, init: RequestInit = {}): Promise<Answer | string> {
  try {
    const response = await fetch(url, {
      redirect: 'manual',
      ...init,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    const text = await response.text()
    const date = Date.parse(response.headers.get('date') ?? '')
    return {
      status: response.status,
      json: parsed(text),
      ...(Number.isNaN(date) ? {} : { serverTime: date }),
    }
  } catch (error) {
    const { cause, message } = error as Error
    const reason = cause instanceof Error ? cause.message : message
    return reason === '' ? 'no answer' : reason
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Returns a base URL without slashes at its end; `undefined` where it is no http address. */
export function baseUrl(text: string): string | undefined {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) ? text.replace(/\/+$/, '') : undefined
}
