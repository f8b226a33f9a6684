import type { Operation } from './operation.ts'

/** What of a URL is ours to govern; `model`: its path decides which model answers. */
export type MatchEndpoint = (url: string) => { operation: Operation; model?: string } | undefined

const OPERATIONS: Record<string, Operation> = {
  '/chat/completions': 'chat',
  '/responses': 'responses',
  '/embeddings': 'embeddings',
  '/completions': 'completions',
}

/** The path of a request below its client's base, query included; `undefined`: it goes somewhere else. */
export type RelativePath = (url: string) => string | undefined

/** The rest of a URL that begins with a client's own base, which may change under our hands. */
export function pathBelowBase(baseURL: () => string): RelativePath {
  return (url) => {
    const [base = '', baseQuery] = baseURL().split('?', 2)
    const prefix = base.endsWith('/') ? base.slice(0, -1) : base
    const rest = url.startsWith(prefix) ? url.slice(prefix.length) : undefined
    if (rest === undefined || !rest.startsWith('/')) return undefined
    return baseQuery === undefined || rest.includes('?') ? rest : `${rest}?${baseQuery}`
  }
}

/** What follows the version in a path, as OpenAI's SDKs write it. */
export const pathAfterVersion: RelativePath = (url) =>
  /^[a-z]+:\/\/[^/]+(?:\/.*?)??\/v1(\/.*)$/i.exec(url)?.[1] ??
  /\/(?:chat\/completions|responses|embeddings|completions)(?:\?.*)?$/.exec(url)?.[0]

/** Exactly the four paths below a client's own base URL, which may change under our hands. A query changes nothing. */
export function matchBelowBase(baseURL: () => string): MatchEndpoint {
  return (url) => {
    const [base = ''] = baseURL().split('?', 1)
    const prefix = base.endsWith('/') ? base.slice(0, -1) : base
    if (!url.startsWith(prefix)) return undefined
    const [path = ''] = url.slice(prefix.length).split(/[?#]/, 1)
    return operationOf(path)
  }
}

/** For SDKs whose base we do not know: the path's tail. Azure names the model in the path. */
export const matchBySuffix: MatchEndpoint = (url) => {
  const [address = ''] = url.split(/[?#]/, 1)
  const path = Object.keys(OPERATIONS).find((path) => address.endsWith(path))
  const found = path === undefined ? undefined : operationOf(path)
  const deployment = /\/deployments\/([^/]+)\//.exec(address)?.[1]
  return found && deployment !== undefined ? { ...found, model: decoded(deployment) } : found
}

function operationOf(path: string): { operation: Operation } | undefined {
  const operation = Object.hasOwn(OPERATIONS, path) ? OPERATIONS[path] : undefined
  return operation && { operation }
}

/** What is no escape is text. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Endpoints that cost money and that we do not govern. Source: OpenAI API reference, paths as of openai 7.57. */
const PAID =
  /\/(images|audio|videos|batches|threads|fine_tuning|evals|realtime|assistants|completions|responses)(\/|$)/

export const isPaid = (method: string, url: string) =>
  method === 'POST' && PAID.test(URL.parse(url)?.pathname ?? '')
