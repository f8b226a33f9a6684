import { AsyncLocalStorage } from 'node:async_hooks'
import { randomUUID } from 'node:crypto'
import type { Draft } from '../account/record.ts'
import type { Reply } from '../call.ts'
import { currentContext, type GatewayContext } from './context.ts'

/**
 * One `create()`, across the SDK's retries of it. `fetch` cannot see that two requests are attempts of one call, nor,
 * after a timeout, whose it was; so every attempt carries its origin from where the call was made.
 */
export type Origin = {
  id: string
  /** The caller's `withGateway` context, as it was when the call was made. */
  context: GatewayContext | undefined
  /** Runs a hook in the caller's own async context, whoever's read brought the answer. */
  run: <R>(fn: () => R) => R
  /** How often the SDK will still retry after this attempt. */
  retriesAfter: (attempt: number) => number
  /** The caller's own signal, which the SDK's per-attempt signal does not tell from a timeout. */
  userSignal: AbortSignal | undefined
  /** When the call was made, by the wall clock, which may step at any moment: no duration is reckoned from it. */
  at: number
  /** The same moment by `performance.now()`, from which durations are reckoned. It stands still while the machine sleeps. */
  startedAt: number
  /** This call has failed over: its retries stay with the fallback model. */
  failedOver: boolean
  /** Requests of this call that have left for upstream, or were about to. */
  sent: number
  /** After a fault: whatever of this call is still on its way to upstream must not leave. */
  barred: boolean
  draft: Draft | undefined
  /** An answer that is past its time, for when there will be no other. */
  lastResort: (() => Reply | undefined) | undefined
  /** Made by a client of ours: `retriesAfter` and `userSignal` are known, not assumed. */
  marked: boolean
  /** After a 401 the client exchanges its token, and asks once more, however often it retries. */
  refreshes: boolean
}

const ORIGIN: unique symbol = Symbol.for('@hotdash/llm-gateway:origin')

/** What of the SDK's request options we use. The same object comes back with every retry of a call. */
export type RequestOptions = {
  method?: string
  maxRetries?: number | undefined
  signal?: AbortSignal | null | undefined
  __metadata?: Record<string, unknown>
  [ORIGIN]?: Mark
}

/** A function: what prints the object that it is on has nothing to print. */
type Mark = () => Origin
type Marked = { [ORIGIN]?: Mark }

/** `hooked`: somebody's hook will have to run in this context, which costs some microseconds to keep. */
export function newOrigin(hooked: boolean, options?: RequestOptions, maxRetries = 0): Origin {
  return {
    id: randomUUID(),
    context: currentContext(),
    run: hooked ? AsyncLocalStorage.snapshot() : (fn) => fn(),
    retriesAfter: (attempt) => Math.max(0, (options?.maxRetries ?? maxRetries) - attempt),
    userSignal: options?.signal ?? undefined,
    at: Date.now(),
    startedAt: performance.now(),
    failedOver: false,
    sent: 0,
    barred: false,
    draft: undefined,
    lastResort: undefined,
    marked: options !== undefined,
    refreshes: false,
  }
}

/**
 * Called before each attempt, in the caller's context for the first. `options` must be this call's own; what the SDK
 * makes of them for a retry has the mark, too. Its debug log shows no symbols.
 */
export function markOrigin(options: RequestOptions, client: Client): void {
  const origin = options[ORIGIN]?.() ?? newOrigin(client.hooked, options, client.maxRetries)
  origin.refreshes = client.refreshes && options.__metadata?.workloadIdentityTokenRefreshed !== true
  options[ORIGIN] ??= () => origin
}

/** `hooked`: a hook will run in the caller's context. `refreshes`: its token comes of a workload identity. */
type Client = { maxRetries: number; hooked: boolean; refreshes: boolean }

/** Hands a call's mark on to one of its requests. */
export function markRequest(init: Marked, options: Marked): void {
  if (options[ORIGIN] !== undefined) init[ORIGIN] = options[ORIGIN]
}

/** The origin of a request, or a new one for requests of other clients. */
export function originOf(init: RequestInit | undefined, hooked: boolean): Origin {
  return (init as Marked | undefined)?.[ORIGIN]?.() ?? newOrigin(hooked)
}

/** No transport sees the mark. */
export function unmark(init: RequestInit | undefined): void {
  if (init !== undefined && ORIGIN in init) delete (init as Marked)[ORIGIN]
}

/** A copy without the mark. What a member is deleted from is slow to read from then on; this is not. */
export function unmarked(init: RequestInit): RequestInit {
  const { [ORIGIN]: _, ...rest } = init as RequestInit & Marked
  return rest
}

/** Hooks that run in it see no caller's context. Taken when this module is loaded, which is before any call. */
const outside = AsyncLocalStorage.snapshot()

/** The origin of a call that belongs to no caller. */
export const apart = (): Origin => ({ ...newOrigin(false), context: undefined, run: (fn) => outside(fn) })

/** The origin of a call that follows from another: it is nobody's to give up or to retry. */
export function afterwards(origin: Origin): Origin {
  return {
    ...origin,
    ...newOrigin(false),
    context: origin.context,
    run: origin.run,
  }
}
