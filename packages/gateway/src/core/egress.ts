import type { Refusal } from './refusal.ts'

/** Upstream's key, opened for one request, and the origin it belongs to. */
export type OpenedKey = { key: string; origin: string }

/** A request that is about to leave. `shown`: the team key that it came with. */
export type OutgoingHead = {
  url: string
  headers: Headers
  shown?: string | undefined
  opened?: OpenedKey | undefined
}

/**
 * Judges every request on its way out, whichever way that is. The invariant: **a key reaches no origin but its own.** A key
 * that was opened belongs to the origin it was opened for; team keys belong to the LiteLLM proxy, if there is one, and
 * nowhere else. A request is looked at whole, its address and each of its headers, however a key is written there.
 */
export type Egress = {
  /** The refusal of a request that would take a key astray. */
  strays: (leaving: OutgoingHead) => Refusal | undefined
  /** What a redirect to another origin would take along of its keys: nothing, what only some transports do, or any. */
  carries: (leaving: OutgoingHead) => 'nothing' | 'authorization' | 'more'
  /** Whether a request shows no key, or in its place a team key or the placeholder. */
  lacksKey: (headers: Headers, shown: string | undefined) => boolean
}
