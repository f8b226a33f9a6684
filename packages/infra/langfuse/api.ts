export type Server = { baseURL: string; publicKey: string; secretKey: string }

/** The server answered, but not as hoped; or did not answer. The message holds no key. */
export class LangfuseApiError extends Error {
  override readonly name = 'LangfuseApiError'
}

const DEADLINE_MS = 15_000

/** The version a server gives itself. */
export async function versionOf({ baseURL }: Server): Promise<string> {
  const response = await reached(`${baseURL}/api/public/health`, {})
  const health: unknown = await response.json().catch(() => undefined)
  const version = (health as { version?: unknown } | undefined)?.version
  if (typeof version === 'string') return version
  throw new LangfuseApiError(`${baseURL} answers ${response.status} to a health check, and is no Langfuse`)
}

/** One request of the unstable API. */
export async function call<Answer>(
  { baseURL, publicKey, secretKey }: Server,
  method: 'GET' | 'POST' | 'PATCH',
  path: string,
  body?: unknown,
): Promise<Answer> {
  const authorization = `Basic ${Buffer.from(`${publicKey}:${secretKey}`).toString('base64')}`
  const response = await reached(`${baseURL}/api/public/unstable/${path}`, {
    method,
    headers: { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  if (!response.ok)
    throw new LangfuseApiError(`${method} ${path}: ${response.status} ${messageIn(text).slice(0, 500)}`)
  try {
    return JSON.parse(text) as Answer
  } catch {
    throw new LangfuseApiError(`${method} ${path}: ${response.status}, but no JSON`)
  }
}

/** Every page of a list. */
export async function listAll<Item>(server: Server, path: string): Promise<Item[]> {
  const items: Item[] = []
  for (let page = 1; ; page += 1) {
    type Page = { data: Item[]; meta: { totalPages: number } }
    const { data, meta } = await call<Page>(server, 'GET', `${path}?page=${page}&limit=100`)
    items.push(...data)
    if (page >= meta.totalPages) return items
  }
}

async function reached(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { ...init, signal: AbortSignal.timeout(DEADLINE_MS) })
  } catch (error) {
    const { cause, message } = error as Error
    throw new LangfuseApiError(
      `cannot reach ${new URL(url).origin}: ${cause instanceof Error ? cause.message : message}`,
    )
  }
}

function messageIn(text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown }
    return typeof message === 'string' ? message : text
  } catch {
    return text.startsWith('<') ? 'with a page in place of an answer' : text
  }
}
