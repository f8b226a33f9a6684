/** A Langfuse server and the API keys of one of its projects. */
export type LangfuseServer = { baseURL: string; publicKey: string; secretKey: string }

/** Reports an unreachable server or an error response. Its message holds no key. */
export class LangfuseApiError extends Error {
  override readonly name = 'LangfuseApiError'
}

/** Time limit of one request. */
const TIMEOUT_MS = 15_000

/**
 * Returns the version that a server reports.
 *
 * @throws LangfuseApiError (rejects) where the server is unreachable or no Langfuse
 */
export async function versionOf({ baseURL }: LangfuseServer): Promise<string> {
  const response = await fetchOrThrow(`${baseURL}/api/public/health`, {})
  const health: unknown = await response.json().catch(() => undefined)
  const version = (health as { version?: unknown } | undefined)?.version
  if (typeof version === 'string') return version
  throw new LangfuseApiError(`${baseURL} answers ${response.status} to a health check, so it is no Langfuse`)
}

/**
 * Sends one request to the unstable API and returns the parsed body.
 *
 * @throws LangfuseApiError (rejects) where the server is unreachable, or answers an error or no JSON
 */
export async function request<Answer>(
  { baseURL, publicKey, secretKey }: LangfuseServer,
  method: 'GET' | 'POST' | 'PATCH',
  path: string,
  body?: unknown,
): Promise<Answer> {
  const authorization = `Basic ${Buffer.from(`${publicKey}:${secretKey}`).toString('base64')}`
  const response = await fetchOrThrow(`${baseURL}/api/public/unstable/${path}`, {
    method,
    headers: { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  if (!response.ok)
    throw new LangfuseApiError(`${method} ${path}: ${response.status} ${errorMessageOf(text).slice(0, 500)}`)
  try {
    return JSON.parse(text) as Answer
  } catch {
    throw new LangfuseApiError(`${method} ${path}: ${response.status}, but no JSON`)
  }
}

/** Returns the items of all pages of a list. */
export async function listAll<Item>(server: LangfuseServer, path: string): Promise<Item[]> {
  const items: Item[] = []
  for (let page = 1; ; page += 1) {
    type Page = { data: Item[]; meta: { totalPages: number } }
    const { data, meta } = await request<Page>(server, 'GET', `${path}?page=${page}&limit=100`)
    items.push(...data)
    if (page >= meta.totalPages) return items
  }
}

async function fetchOrThrow(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) })
  } catch (error) {
    const { cause, message } = error as Error
    throw new LangfuseApiError(
      `cannot reach ${new URL(url).origin}: ${cause instanceof Error ? cause.message : message}`,
    )
  }
}

function errorMessageOf(text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown }
    return typeof message === 'string' ? message : text
  } catch {
    return text.startsWith('<') ? '(an HTML page)' : text
  }
}
