import type { RelativePath } from '../core/endpoints.ts'
import type { LitellmSettings } from './options.ts'

/** Credentials for upstream are none of the proxy's business. */
const UPSTREAMS_OWN = ['authorization', 'api-key', 'openai-organization', 'openai-project']

/** The same request on its way through the proxy, under the team's key. */
export function proxyTarget(
  { base, apiKey }: LitellmSettings,
  { path, headers, key = apiKey }: { path: string; headers: Headers; key?: string | undefined },
): { url: string; headers: Headers } {
  const ours = new Headers(headers)
  for (const name of UPSTREAMS_OWN) ours.delete(name)
  ours.set('authorization', `Bearer ${key}`)
  return { url: `${base}${path}`, headers: ours }
}

type Args = [Parameters<typeof fetch>[0], RequestInit | undefined]

/** The arguments of a `fetch` that nothing else is done with, through the proxy if there is one to go through. */
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
