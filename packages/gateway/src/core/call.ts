import type { CallState } from './call-state.ts'
import type { Caller } from './caller.ts'
import type { Controls } from './controls.ts'
import type { Egress, OpenedKey } from './egress.ts'
import type { Json, JsonObject } from './json.ts'
import type { Log } from './log-codes.ts'
import type { Operation, Purpose, Route } from './operation.ts'
import type { Policy } from './policy.ts'
import type { PriceBook } from './pricing.ts'
import type { View } from './recording.ts'
import type { Reply } from './reply.ts'

/** The request as it leaves this process for upstream. */
export type OutboundRequest = {
  transport: typeof fetch
  url: string
  /**
   * The SDK's own `init`: its dispatcher, redirect mode and unknown symbols are kept; signal, headers and body are
   * replaced.
   */
  init: RequestInit
  headers: Headers
  /** The body as the caller wrote it. */
  text: string
  /** Members to change before the request leaves; `undefined` removes one. All other bytes stay. */
  bodyEdits: Record<string, Json | undefined>
  /** Adds `stream_options.include_usage` to a stream whose caller did not ask for usage. */
  injectUsage: boolean
  /** Path below the client's base URL; `undefined`: the request cannot be sent to another base. */
  path: string | undefined
  /** Name of the program's own `fetch` or dispatcher, if the request goes through one: it may add credentials. */
  transportName?: string
  /** Set when the request goes through a LiteLLM proxy, whose cache key depends on the order of members. */
  proxiedBy?: 'litellm'
  /** True for requests that are signed or routed by their path: model and address cannot be changed. */
  immutable: boolean
  /**
   * `shown`: the team key the request came with. `home`: with key custody, the origin that the upstream key belongs
   * to. `opened`: that key, once it is in the headers.
   */
  keys?: { shown?: string | undefined; home?: string | undefined; opened?: OpenedKey }
  /** Signed by a provider: neither body nor headers may change. */
  signed?: true
}

/** Entry of the shared cache for this call: its key, and a read that renders it for this caller. */
export type SharedEntry = {
  key: string
  /** Name of the span between two purges in which upstream is asked. Calls of different spans never share an answer. */
  epoch: string
  read: () => Promise<Reply | undefined>
}

/** The part of a compiled policy that stages see. Each call keeps the one that was in force when it began. */
export type CallPolicy = {
  policy: Readonly<Policy>
  /** Secrets that sign cached answers: the configured one, and the client's team key. */
  secrets?: { secret: string | undefined; key: string | undefined }
  /** Whether this policy can refuse or redirect a governed call of this caller. */
  bindsCaller: (caller: Caller) => boolean
  /** Checks each outgoing request: a key reaches no origin but its own. */
  egress: Egress
  prices: PriceBook
  /** Logs a message for operators; drops repeated ones. */
  warn: Log
  routing: {
    choose: Chooser
    /** Model that answers when a routed model fails. */
    fallback: string | undefined
    /** Returns the model that answers in place of the given one. */
    resolveAlias: (model: string) => string
  }
}

/** Chooses the model of a call. Returns a promise only when the input has to be counted first. */
export type Chooser = (call: Call) => Choice | Promise<Choice>

/** One governed request on its way down. Never mutated: a stage that changes something passes `{ ...call, model }`. */
export type Call = {
  /** 0 for the first attempt, then the SDK's retry count. */
  attempt: number
  /** Arrival of this attempt by `performance.now()`. All waiting times count from here. */
  arrivedAt: number
  caller: Caller
  /** The policy in force when the call began. */
  policy: CallPolicy
  /** Returns the policy in force now, which may have changed since the call began. */
  inForce: () => { caller: Caller; policy: CallPolicy }
  /** Team key to exchange for the upstream key. Absent: the caller holds the upstream key. */
  teamKey?: string
  controls: Controls
  operation: Operation
  outbound: OutboundRequest
  body: JsonObject
  /** Memo of values derived from the body. */
  parsed: ParsedBody
  /** The model that will answer; `auto` until the route stage has chosen. */
  model: string
  route: Route
  view: View
  /** Ends the wait for upstream: the caller's signal above the coalesce stage, the flight's below it. */
  signal: AbortSignal
  /** Calls with the same name may share one upstream call. Absent: this call shares with no other. */
  flight?: string
  /** Where other processes look up its answer. Absent: the answer is not stored. */
  sharedEntry?: SharedEntry
  /** Span between two purges in which upstream is asked. Absent: the answer is not shared. */
  epoch?: { name: string; isOver: () => boolean }
  /** Set on a background refresh: the caller already has a stale answer. */
  revalidates?: true
  /** What the gateway itself makes this call for. Absent: the caller made it. */
  purpose?: Purpose
  /** True if it holds words of several users: sinks get no content of it, whatever `capture` says. */
  confidential?: true
  /** Called when this call begins to wait for its team's limit, so that it frees its place in the upstream throttle. */
  releaseUpstreamSlot?: () => void
  /** Set when the request is sent unchanged after a fault. */
  unchecked?: true
  /** State that survives the SDK's retries of this call. */
  state: CallState
}

export type Handler = (call: Call) => Promise<Reply>

/** Wraps a handler. Stages are composed once, at construction; the first listed acts first. */
export type Stage = (next: Handler) => Handler

/** A parsed body and values derived from it. Stages never change the body; derived values are computed once and kept. */
export type ParsedBody = {
  body: JsonObject
  /** Result of the last length check: whether the input exceeds `limit` tokens. */
  length?: { operation: Operation; limit: number; exceeds: boolean }
  /** Cache keys computed last, with everything else that they depend on (`scope`). */
  keys?: { scope: string; keys: { exact: string; flight: string; secret: Buffer } }
}

/** Chosen model. `routed`: the gateway chose it, so that failover may choose again; a model the caller named is kept. */
export type Choice = { model: string; route: Route; routed: boolean } | { forbidden: string }
