import { AsyncLocalStorage } from 'node:async_hooks'
import { randomUUID } from 'node:crypto'

/** How one call, or everything inside one `withGateway`, wants to be treated and found again. */
export type GatewayContext = {
  /** The agent on whose behalf the call is made; decides the team. */
  agent?: string
  /** Groups the calls of one conversation. */
  session?: string
  /**
   * The end user, for traces; never sent upstream. Part of the cache key only where the policy keeps users apart
   * (`cache.sharedBetweenUsers: false`), as `session` is.
   */
  user?: string
  /** Groups calls into one trace. Calls inside one `withGateway` share theirs. */
  trace?: string
  tags?: string[]
  /** Narrows the cache for these calls. `false`: ask afresh and store nothing. */
  cache?: CacheControl
  /** At a limit of the team: an error at once, or a place in line. */
  onLimit?: 'reject' | 'wait'
}

export type CacheControl =
  | false
  | {
      /** Ask afresh; the new answer is stored. Skips calls in flight, too. */
      noCache?: boolean
      /** Store nothing. */
      noStore?: boolean
      /** Answer from the cache or refuse with 504 `gateway_not_cached`. */
      onlyIfCached?: boolean
      /** `false`: only an answer to exactly this request will do, and this answer is not given to other wordings. */
      semantic?: false
      /** Seconds the answer may be kept. */
      ttl?: number
      /** Seconds: no answer older than this. */
      maxAge?: number
      /** Answers are shared only with calls of the same namespace. */
      namespace?: string
    }

/** One storage for all copies of this package: an agent's ESM code and a CommonJS library see the same context. */
const KEY = Symbol.for('@hotdash/llm-gateway:context')
type Shared = { [KEY]?: AsyncLocalStorage<GatewayContext> }
const shared = globalThis as Shared
shared[KEY] ??= new AsyncLocalStorage<GatewayContext>()
const storage = shared[KEY]

/**
 * Runs `fn` with these controls on every call it makes, however deep. Nested contexts add to the outer one: a field that
 * is left out, `undefined` or `null` is the outer one's.
 *
 * @example
 * await withGateway({ agent: 'support', session: ticket.id }, () => answer(ticket))
 */
export function withGateway<T>(context: GatewayContext, fn: () => T): T {
  const outer = storage.getStore()
  const given = readable(context)
  const tags = [...(outer?.tags ?? []), ...(given.tags ?? [])]
  const trace = given.trace ?? outer?.trace ?? randomUUID()
  return storage.run({ ...outer, ...given, trace, tags }, fn)
}

/** What counts as given where it cannot be read: the strictest cache, and a name that is none, so that nothing is shared. */
const UNREADABLE = { cache: false, user: Symbol('unreadable'), session: Symbol('unreadable') } as const

const FIELDS = ['agent', 'session', 'user', 'trace', 'tags', 'cache', 'onLimit'] as const

/**
 * What can be read of a program's context: of `undefined`, or of an object that throws when it is looked at, nothing but
 * that a restriction of the cache, a user and a session were meant.
 */
function readable(context: GatewayContext | null | undefined): GatewayContext {
  const given: Record<string, unknown> = {}
  if (context === undefined || context === null) return given
  for (const field of FIELDS) {
    try {
      const value = context[field]
      if (field === 'tags' ? Array.isArray(value) : value !== undefined && value !== null)
        given[field] = field === 'tags' ? [...(value as string[])] : value
    } catch {
      if (field in UNREADABLE) given[field] = UNREADABLE[field as keyof typeof UNREADABLE]
    }
  }
  return given
}

export const currentContext = (): GatewayContext | undefined => storage.getStore()
