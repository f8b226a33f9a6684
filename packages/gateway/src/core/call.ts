import type { CallState } from './call-state.ts'
import type { Caller } from './caller.ts'
import type { Controls } from './controls.ts'
import type { Egress, OpenedKey } from './egress.ts'
import type { Json, JsonObject } from './json.ts'
import type { Operation, Purpose, Route } from './operation.ts'
import type { Policy } from './policy.ts'
import type { PriceBook } from './pricing.ts'
import type { View } from './recording.ts'
import type { Reply } from './reply.ts'

/** What leaves this process for upstream. */
export type OutboundRequest = {
  transport: typeof fetch
  url: string
  /** The SDK's own init: dispatcher, redirect and foreign symbols survive; we replace signal, headers, body. */
  init: RequestInit
  headers: Headers
  /** The body as the caller wrote it. */
  text: string
  /** Members to change before it leaves; `undefined` takes one out. All other bytes stay. */
  bodyEdits: Record<string, Json | undefined>
  /** Ask for the usage of a stream whose caller did not. */
  injectUsage: boolean
  /** Its path below the client's base; `undefined`: it cannot be sent anywhere else. */
  path: string | undefined
  /** Names what it is sent through, where that may add credentials: a `fetch` or a dispatcher of the program's own. */
  transportName?: string
  /** It goes through a LiteLLM proxy, whose cache tells requests apart by the order of their members. */
  proxiedBy?: 'litellm'
  /** Signed, or routed by its path: it goes to the model and the place it names. */
  immutable: boolean
  /**
   * The team key that the request came with, the origin that upstream's own key belongs to where that one is in custody,
   * and that key, once it is in the headers.
   */
  keys?: { shown?: string | undefined; home?: string | undefined; opened?: OpenedKey }
  /** Signed by a provider: neither body nor headers may be touched. */
  signed?: true
}

/** A place in the shared cache: its key, and what another process has put there, made this caller's own. */
export type SharedEntry = {
  key: string
  /** Between which purges upstream is asked: calls on two sides of a purge never meet. */
  epoch: string
  read: () => Promise<Reply | undefined>
}

/** The part of a compiled policy that stages see. Each call keeps the one that was in force when it began. */
export type CallPolicy = {
  policy: Readonly<Policy>
  /** Secrets that can sign cached answers: the configured one, and the client's team key. */
  secrets?: { secret: string | undefined; key: string | undefined }
  /** Whether this policy can refuse or redirect a governed call of this caller. */
  bindsCaller: (caller: Caller) => boolean
  /** Judges each outgoing request: a key reaches no origin but its own. */
  egress: Egress
  prices: PriceBook
  /** Reports a message to operators; drops repeated ones. */
  warn: (message: string) => void
  routing: {
    choose: Chooser
    /** The model that answers when a routed model fails. */
    fallback: string | undefined
    /** Returns the model that answers in place of the given one. */
    resolveAlias: (model: string) => string
  }
}

/** Chooses the model of a call. A promise only when its input has to be counted first. */
export type Chooser = (call: Call) => Choice | Promise<Choice>

/** One governed request on its way down. Never mutated: a stage that changes something passes `{ ...call, model }`. */
export type Call = {
  /** 0 for the first attempt, then the SDK's retry count. */
  attempt: number
  /** When this attempt came in, by `performance.now()`. Whatever it waits for, it waits from here. */
  arrivedAt: number
  caller: Caller
  /** What was in force when it began. */
  policy: CallPolicy
  /** What is in force now, which is not what it began under once the policy has changed. */
  inForce: () => { caller: Caller; policy: CallPolicy }
  /** The team key that is exchanged for upstream's own; absent: the caller has that one. */
  teamKey?: string
  controls: Controls
  operation: Operation
  outbound: OutboundRequest
  body: JsonObject
  /** The body's own memory. */
  parsed: ParsedBody
  /** The model that will answer; `auto` until the route stage has chosen. */
  model: string
  route: Route
  view: View
  /** Ends the wait for upstream. Above the coalesce stage the caller's own, below it the flight's. */
  signal: AbortSignal
  /** Calls under the same name may share one upstream call; absent: this one shares with nobody. */
  flight?: string
  /** Where other processes look for its answer; absent: it is not to be kept. */
  sharedEntry?: SharedEntry
  /** Between which purges upstream is asked; absent: its answer is nobody else's. */
  epoch?: { name: string; isOver: () => boolean }
  /** Asked for the cache alone: a stale answer has been given already. */
  revalidates?: true
  /** Asked by the gateway for a caller's call, and what for; absent: by the caller. */
  purpose?: Purpose
  /** Holds words of several users: no sink is told of its content, whatever is captured of others. */
  confidential?: true
  /** Told when this call begins to wait for its team: it then takes up nobody's place at upstream. */
  releaseUpstreamSlot?: () => void
  /** Sent after a fault, as it came. */
  unchecked?: true
  /** What survives the SDK's retries of this call. */
  state: CallState
}

export type Handler = (call: Call) => Promise<Reply>

/** Composed once, at construction; the first listed acts first. */
export type Stage = (next: Handler) => Handler

/** A body, and what has been worked out of it. Neither is ever changed by a stage. */
export type ParsedBody = {
  body: JsonObject
  /** Digests of all that the body asks, as each operation understands it. Worked out when the cache needs them. */
  questions: Partial<Record<Operation, string>>
  /** Whether its input is longer than so many tokens. */
  length?: { operation: Operation; limit: number; exceeds: boolean }
  /** The last keys made of it, and all else that they were made of. */
  keys?: { scope: string; keys: { exact: string; flight: string; secret: Buffer } }
}

/** `routed`: by us, so that we may choose again should it fail; a model somebody named is not swapped for another. */
export type Choice = { model: string; route: Route; routed: boolean } | { forbidden: string }
