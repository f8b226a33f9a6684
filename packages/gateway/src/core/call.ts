import type { Bill } from '../account/stage.ts'
import type { Recording } from './recording.ts'
import type { Opened } from '../egress/egress.ts'
import type { Controls } from '../identify/controls.ts'
import type { Origin } from './call-state.ts'
import type { Caller } from '../identify/directory.ts'
import type { NanoUsd } from '../quota/store.ts'
import type { Reading } from '../http/parsed-bodies.ts'
import type { Rules } from '../config/compiled-policy.ts'
import type { Meaning } from '../semantic/meaning.ts'

/** The four kinds of request the gateway governs; everything else passes straight through. */
export type Operation = 'chat' | 'responses' | 'embeddings' | 'completions'

export type Json = null | boolean | number | string | Json[] | JsonObject
export type JsonObject = { [key: string]: Json }

/** How one caller wants to see an answer that others may be sharing. */
export type View = {
  stream: boolean
  /** The caller asked for `stream_options.include_usage`. */
  includeUsage: boolean
  signal: AbortSignal
  /** Another caller's transport brings the answer: its errors are told as those of a connection. */
  follows?: true
}

/** Why this model answers. */
export type Route = 'default' | 'requested' | 'escalated' | 'failover'

/** Where the answer came from. */
export type Via = 'upstream' | 'exact' | 'stale' | 'semantic' | 'flight' | 'refused'

/** What leaves this process for upstream. */
export type Outgoing = {
  transport: typeof fetch
  url: string
  /** The SDK's own init: dispatcher, redirect and foreign symbols survive; we replace signal, headers, body. */
  init: RequestInit
  headers: Headers
  /** The body as the caller wrote it. */
  text: string
  /** Members to change before it leaves; `undefined` takes one out. All other bytes stay. */
  edits: Record<string, Json | undefined>
  /** Ask for the usage of a stream whose caller did not. */
  injectUsage: boolean
  /** Its path below the client's base; `undefined`: it cannot be sent anywhere else. */
  path: string | undefined
  /** Names what it is sent through, where that may add credentials: a `fetch` or a dispatcher of the program's own. */
  by?: string
  /** It goes through a LiteLLM proxy, whose cache tells requests apart by the order of their members. */
  through?: 'litellm'
  /** Signed, or routed by its path: it goes to the model and the place it names. */
  frozen: boolean
  /**
   * The team key that the request came with, the origin that upstream's own key belongs to where that one is in custody,
   * and that key, once it is in the headers.
   */
  keys?: { shown?: string | undefined; home?: string | undefined; opened?: Opened }
  /** Signed by a provider: neither body nor headers may be touched. */
  signed?: true
}

/** A place in the shared cache: its key, and what another process has put there, made this caller's own. */
export type Shelf = {
  key: string
  /** Between which purges upstream is asked: calls on two sides of a purge never meet. */
  epoch: string
  find: () => Promise<Reply | undefined>
}

/** What the gateway makes calls of its own for: a vector or a judgement for the semantic cache. */
export type Purpose = 'semantic'

/** One governed request on its way down. Never mutated: a stage that changes something passes `{ ...call, model }`. */
export type Call = {
  /** 0 for the first attempt, then the SDK's retry count. */
  attempt: number
  /** When this attempt came in, by `performance.now()`. Whatever it waits for, it waits from here. */
  arrivedAt: number
  caller: Caller
  /** What was in force when it began. */
  rules: Rules
  /** What is in force now, which is not what it began under once the policy has changed. */
  present: () => { caller: Caller; rules: Rules }
  /** The team key that is exchanged for upstream's own; absent: the caller has that one. */
  teamKey?: string
  controls: Controls
  operation: Operation
  outgoing: Outgoing
  body: JsonObject
  /** The body's own memory. */
  reading: Reading
  /** The model that will answer; `auto` until the route stage has chosen. */
  model: string
  route: Route
  view: View
  /** Ends the wait for upstream. Above the coalesce stage the caller's own, below it the flight's. */
  signal: AbortSignal
  /** Calls under the same name may share one upstream call; absent: this one shares with nobody. */
  flight?: string
  /** Where other processes look for its answer; absent: it is not to be kept. */
  shelf?: Shelf
  /** Between which purges upstream is asked; absent: its answer is nobody else's. */
  epoch?: { name: string; isOver: () => boolean }
  /** Asked for the cache alone: a stale answer has been given already. */
  revalidates?: true
  /** Asked by the gateway for a caller's call, and what for; absent: by the caller. */
  purpose?: Purpose
  /** Holds words of several users: no sink is told of its content, whatever is captured of others. */
  confidential?: true
  /** Told when this call begins to wait for its team: it then takes up nobody's place at upstream. */
  stepAside?: () => void
  /** Sent after a fault, as it came. */
  unexamined?: true
  /** What survives the SDK's retries of this call. */
  origin: Origin
}

/** What comes back up. A failure is a Reply, too: its recording rejects when it is opened. */
export type Reply = {
  via: Via
  /** The model that answered, or would have. */
  model: string
  route: Route
  recording: Recording
  /** Where the exact cache keeps the answer, or would. */
  key?: string
  /** Cache hits: milliseconds since the answer was stored. */
  ageMs?: number
  /** Semantic hits: cosine between the question and the one it was stored under. */
  similarity?: number
  /** What the semantic cache made of the call; absent where it was not asked. May come after the answer. */
  meaning?: Meaning | Promise<Meaning | undefined> | undefined
  /** Why neither cache nor flight was used, as a word; absent when they were. */
  bypass?: string
  /** Refusals: the code. */
  refusal?: string
  /** Told what becomes of the answer, once the cache has or refuses it: until then newcomers join the flight it came with. */
  land?: (kept: boolean | Promise<boolean>) => void
  /** Headers of ours that belong to this answer: what the team has left. */
  headers?: Record<string, string>
  /** What a proxy says it charged, for models whose price we do not know. */
  charged?: NanoUsd
  /** What it cost and saved, once it has ended. Set by the account stage, which everything passes. */
  bill?: Bill | Promise<Bill>
}

export type Handler = (call: Call) => Promise<Reply>

/** Composed once, at construction; the first listed acts first. */
export type Stage = (next: Handler) => Handler
