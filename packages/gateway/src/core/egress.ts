import type { Refusal } from './refusal-codes.ts'

/** The upstream key decrypted for one request, and the origin it belongs to. */
export type OpenedKey = { key: string; origin: string }

/** A request that is about to leave. `shown`: the team key that it came with. */
export type OutgoingHead = {
  url: string
  headers: Headers
  shown?: string | undefined
  opened?: OpenedKey | undefined
}

/**
 * Checks every request on its way out, on all paths. Invariant: **a key reaches no origin but its own.** A decrypted
 * key belongs to the origin it was decrypted for; team keys belong to the LiteLLM proxy, if one is configured, and
 * nowhere else. The whole request is searched, its address and each header, in every encoding of a key.
 */
export type Egress = {
  /** Returns a refusal if the request would take a key to a foreign origin. */
  strayRefusal: (leaving: OutgoingHead) => Refusal | undefined
  /**
   * Which keys a redirect to another origin would carry: none, the `authorization` header (only some transports do),
   * or more.
   */
  redirectCarries: (leaving: OutgoingHead) => 'nothing' | 'authorization' | 'more'
  /** Whether a request carries no key, or a team key or the placeholder in its place. */
  lacksKey: (headers: Headers, shown: string | undefined) => boolean
}
