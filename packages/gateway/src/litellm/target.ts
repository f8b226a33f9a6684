import type { RelativePath } from '../operations/endpoints.ts'
import type { LitellmSettings } from './options.ts'

/** Upstream credentials, which the proxy must not see. */
const UPSTREAM_CREDENTIALS = ['authorization', 'api-key', 'openai-organization', 'openai-project']

/** Returns URL and headers of the same request through the proxy, under the team's key. */
export function proxyTarget(
  { base, apiKey }: LitellmSettings,
  { path, headers, key = apiKey }: { path: string; headers: Headers; key?: string | undefined },
): { url: string; headers: Headers } {
  const proxyHeaders = new Headers(headers)
  for (const name of UPSTREAM_CREDENTIALS) proxyHeaders.delete(name)
  proxyHeaders.set('authorization', `Bearer ${key}`)
  return { url: `${base}${path}`, headers: proxyHeaders }
}

type Args = [Parameters<typeof fetch>[0], RequestInit | undefined]

/** Returns the arguments of a pass-through `fetch`, directed to the proxy if there is one and the request can use it. */
export function proxyFetchArgs(
  proxy: LitellmSettings | undefined,
  { relativePath, frozen, key }: { relativePath: RelativePath; frozen: boolean; key?: string | undefined },
  ...[input, init]: Args
): Args {
  if (proxy === undefined || frozen) return [input, init]
  const request = input instanceof Request ? input : undefined
  const path = relativePath(request?.url ?? (input instanceof URL ? input.href : (input as string)))
  if (path === undefined) return [input, init]
  const headers = new Headers(init?.headers ?? request?.headers)
  const to = proxyTarget(proxy, { path, headers, key })
  return [request === undefined ? to.url : new Request(to.url, request), { ...init, headers: to.headers }]
}
