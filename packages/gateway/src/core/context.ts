import { AsyncLocalStorage } from 'node:async_hooks'
import { randomUUID } from 'node:crypto'

/** Controls and trace identity for one call, or for all calls inside one `withGateway`. */
export type GatewayContext = {
  /** The agent on whose behalf the call is made; decides the team. */
  agent?: string
  /** Groups the calls of one conversation. */
  session?: string
  /**
   * The end user, for traces; never sent upstream. Part of the cache key only where the policy separates users
   * (`cache.sharedBetweenUsers: false`), as `session` is.
   */
  user?: string
  /** Groups calls into one trace. Calls inside one `withGateway` share theirs. */
  trace?: string
  tags?: string[]
  /** Restricts the cache for these calls. `false`: neither reads nor stores. */
  cache?: CacheControl
  /** What happens at a limit of the team: an error at once, or a place in the queue. */
  onLimit?: 'reject' | 'wait'
}

export type CacheControl =
  | false
  | {
      /** Skips the lookup, and calls in flight; the new answer is stored. */
      noCache?: boolean
      /** Stores nothing. */
      noStore?: boolean
      /** Answers from the cache, or refuses with 504 `gateway_not_cached`. */
      onlyIfCached?: boolean
      /** `false`: only an answer to exactly this request is served, and this answer is not served to other wordings. */
      semantic?: false
      /** Seconds the answer may be kept. */
      ttl?: number
      /** Seconds: no older answer is served. */
      maxAge?: number
      /** Answers are shared only with calls of the same namespace. */
      namespace?: string
    }

/**
 * One storage for all copies of this package, so that an agent's ESM code and a CommonJS library see the same
 * context.
 */
const KEY = Symbol.for('@hotdash/llm-gateway:context')
type Shared = { [KEY]?: AsyncLocalStorage<GatewayContext> }
const shared = globalThis as Shared
shared[KEY] ??= new AsyncLocalStorage<GatewayContext>()
const storage = shared[KEY]

/**
 * Runs `fn` with these controls on every call it makes, at any depth. Nested contexts extend the outer one: a field that is
 * absent, `undefined` or `null` keeps the outer value.
 * @example await withGateway({ agent: 'support', session: ticket.id }, () => answer(ticket))
 */
export function withGateway<T>(context: GatewayContext, fn: () => T): T {
  const outer = storage.getStore()
  const fields = readable(context)
  const tags = [...(outer?.tags ?? []), ...(fields.tags ?? [])]
  const trace = fields.trace ?? outer?.trace ?? randomUUID()
  return storage.run({ ...outer, ...fields, trace, tags }, fn)
}

/** Values for fields that cannot be read: the strictest cache, and an unusable user and session, so that nothing is shared. */
const UNREADABLE = { cache: false, user: Symbol('unreadable'), session: Symbol('unreadable') } as const

const FIELDS = ['agent', 'session', 'user', 'trace', 'tags', 'cache', 'onLimit'] as const

/**
 * Copies the fields that can be read: none of `undefined`, and not those whose getter throws. `UNREADABLE` has
 * the values of fields that restrict sharing and cannot be read.
 */
function readable(context: GatewayContext | null | undefined): GatewayContext {
  const fields: Record<string, unknown> = {}
  if (context === undefined || context === null) return fields
  for (const field of FIELDS) {
    try {
      const value = context[field]
      if (field === 'tags' ? Array.isArray(value) : value !== undefined && value !== null)
        fields[field] = field === 'tags' ? [...(value as string[])] : value
    } catch {
      if (field in UNREADABLE) fields[field] = UNREADABLE[field as keyof typeof UNREADABLE]
    }
  }
  return fields
}

export const currentContext = (): GatewayContext | undefined => storage.getStore()
