import type { Operation } from '../core/operation.ts'
import { createCanonicalUrl } from './canonical-url.ts'
import { OPERATIONS } from './operations.ts'

/** Matches a URL to a governed operation; `undefined`: it is not governed. `model`: set if the path names the model. */
export type MatchEndpoint = (url: string) => { operation: Operation; model?: string } | undefined

const ALL = Object.values(OPERATIONS)
const BY_PATH: ReadonlyMap<string, Operation> = new Map(ALL.map(({ path, name }) => [path, name]))
const GOVERNED_SUFFIX = new RegExp(`(?:${ALL.map(({ path }) => path).join('|')})(?:\\?.*)?$`)

/** Returns the path below the client's base, query included; `undefined`: the URL is elsewhere. */
export type RelativePath = (url: string) => string | undefined

/** Matches URLs that begin with the client's base, which is read on each call because it may change. */
export function pathBelowBase(baseURL: () => string): RelativePath {
  const prefixOf = createPrefixOf()
  return memoised(baseURL, (url, baseURL) => {
    const [base = '', baseQuery] = baseURL.split('?', 2)
    const prefix = prefixOf(base)
    const rest = url.startsWith(prefix) ? url.slice(prefix.length) : undefined
    if (rest === undefined || !rest.startsWith('/')) return undefined
    return baseQuery === undefined || rest.includes('?') ? rest : `${rest}?${baseQuery}`
  })
}

/** The SDK sends calls to the canonical form of the base, however the program has written it. */
function createPrefixOf(): (base: string) => string {
  const canonical = createCanonicalUrl()
  return (given) => {
    const base = canonical(given)
    return base.endsWith('/') ? base.slice(0, -1) : base
  }
}

/** Keeps the last result: most calls of a client have one address. */
function memoised<T>(baseURL: () => string, read: (url: string, baseURL: string) => T): (url: string) => T {
  let last: { url: string; base: string; result: T } | undefined
  return (url) => {
    const base = baseURL()
    if (last?.url !== url || last.base !== base) last = { url, base, result: read(url, base) }
    return last.result
  }
}

/** Returns the part after the version, as OpenAI's SDKs write paths. */
export const pathAfterVersion: RelativePath = (url) =>
  /^[a-z]+:\/\/[^/]+(?:\/.*?)??\/v1(\/.*)$/i.exec(url)?.[1] ?? GOVERNED_SUFFIX.exec(url)?.[0]

/** Matches the governed paths below the client's base URL, which is read on each call. Ignores the query. */
export function matchBelowBase(baseURL: () => string): MatchEndpoint {
  const prefixOf = createPrefixOf()
  return memoised(baseURL, (url, baseURL) => {
    const [base = ''] = baseURL.split('?', 1)
    const prefix = prefixOf(base)
    if (!url.startsWith(prefix)) return undefined
    const [path = ''] = url.slice(prefix.length).split(/[?#]/, 1)
    return operationOf(path)
  })
}

/** Matches the end of a path, for SDKs whose base is unknown. Azure names the model in the path. */
export const matchBySuffix: MatchEndpoint = (url) => {
  const [address = ''] = url.split(/[?#]/, 1)
  const operation = ALL.find(({ path }) => address.endsWith(path))?.name
  const deployment = /\/deployments\/([^/]+)\//.exec(address)?.[1]
  if (operation === undefined) return undefined
  return deployment === undefined ? { operation } : { operation, model: decoded(deployment) }
}

function operationOf(path: string): { operation: Operation } | undefined {
  const operation = BY_PATH.get(path)
  return operation && { operation }
}

/** Text that is not a valid escape is kept as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Families of endpoints that cost money and are not governed. Source: OpenAI API reference, paths as of openai 7.59. */
const PAID =
  /\/(?:agents|assistants|audio|batches|chat|chatkit|completions|containers|decisions|embeddings|evals|fine_tuning|images|live|realtime|responses|threads|vector_stores|videos)(?:\/|$)/
/** Families that cost nothing. A family in neither list, such as one that OpenAI adds later, counts as paid. */
const FREE =
  /\/(?:content_provenance_checks|conversations|files|models|moderations|organization|skills|uploads|vaults|webhook_endpoints)(?:\/|$)/

/** Returns whether a request that is not governed may cost money. */
export function isPaid(method: string, url: string): boolean {
  if (method !== 'POST') return false
  const path = URL.parse(url)?.pathname ?? ''
  return PAID.test(path) || !FREE.test(path)
}
