import { LRUCache } from 'lru-cache'
import type { LimitedLog } from '../core/log-codes.ts'
import type { Refusal } from '../core/refusal-codes.ts'
import type { RedisConnection } from '../redis/connection.ts'
import { hashTag } from '../redis/hash-tag.ts'
import { type RedisSubscription, subscribe } from '../redis/pubsub.ts'
import { idOf, unseal } from './cipher.ts'

/**
 * Redis hash of a team: `t:<id>` is the upstream key sealed under a team key, `m:<id>` the team key sealed under the
 * operator's master key, `i:<id>` when and by whom. No TTL: without them no call works.
 */
export const vaultOf = (team: string): string => `gw:{${hashTag(team)}}:k`

/** Channel on which a team's name is published when its keys change. */
export const CHANNEL = 'gw:custody'

/** Milliseconds for which a key is used without asking Redis. */
const FRESH_MS = 60_000
/** Milliseconds for which it is used while Redis is unavailable. */
const OUTAGE_TTL_MS = 3_600_000
const MAX_CACHED = 1_000

/** `stale`: a change may have been missed, so Redis is asked before the key is used again. */
type CachedKey = { secret: string; readAt: number; stale: boolean }

/** Provides the upstream key for a team key. */
export type KeyProvider = {
  /** Returns the key at once if it is cached. */
  open: (team: string, teamKey: string) => string | Promise<string | Refusal>
  /** After upstream rejected a key: returns a different one from Redis, if there is one. */
  afterRejected: (refused: string, team: string, teamKey: string) => Promise<string | undefined>
  close: () => void
}

export function createKeyProvider(
  connection: RedisConnection,
  warn: LimitedLog,
  now: () => number = () => performance.now(),
): KeyProvider {
  const cached = new LRUCache<string, CachedKey>({ max: MAX_CACHED })
  const inFlight = new Map<string, Promise<string | Refusal>>()
  let subscription: RedisSubscription | undefined
  /** Number of changes seen: a key read while one arrived may be outdated. */
  let changes = 0

  /** Subscribes on first use. */
  function listen() {
    subscription ??= subscribe(connection, CHANNEL, { onListening: markStale, onMessage: evict })
  }

  /** A revocation may have been missed while the subscription was down. */
  function markStale() {
    for (const known of cached.values()) known.stale = true
  }

  function evict(team: string) {
    changes += 1
    for (const name of [...cached.keys()]) if (name.startsWith(`${team}\n`)) cached.delete(name)
  }

  function read(team: string, teamKey: string): Promise<string | Refusal> {
    listen()
    const name = `${team}\n${teamKey}`
    const known = inFlight.get(name)
    if (known !== undefined) return known
    const work = readVault(team, teamKey, name).finally(() => inFlight.delete(name))
    inFlight.set(name, work)
    return work
  }

  async function readVault(team: string, teamKey: string, name: string): Promise<string | Refusal> {
    const id = idOf(teamKey, team)
    const before = changes
    let value: string | null
    try {
      value = await connection.run((client) => client.hget(vaultOf(team), `t:${id}`))
    } catch {
      const last = cached.get(name)
      return last !== undefined && now() - last.readAt < OUTAGE_TTL_MS ? last.secret : UNAVAILABLE
    }
    if (value === null) {
      cached.delete(name)
      return notSealed(team)
    }
    const secret = unseal(value, teamKey, { team, what: 'upstream', id })
    if (secret === undefined) {
      warn(
        'GW_SEALED_KEY_INVALID',
        `the sealed key of team ${team} (${id}) cannot be opened: it was damaged, or written by another program`,
      )
      return cached.get(name)?.secret ?? notSealed(team)
    }
    if (before === changes) {
      cached.set(name, { secret, readAt: now(), stale: false })
    }
    return secret
  }

  return {
    open(team, teamKey) {
      const found = cached.get(`${team}\n${teamKey}`)
      if (found === undefined || found.stale) return read(team, teamKey)
      const age = now() - found.readAt
      if (age < FRESH_MS) return found.secret
      const fresh = read(team, teamKey)
      // Refreshes in the background: a call does not wait for a key that was valid a minute ago.
      return age < OUTAGE_TTL_MS ? found.secret : fresh
    },
    async afterRejected(refused, team, teamKey) {
      const now = await read(team, teamKey)
      return typeof now === 'string' && now !== refused ? now : undefined
    },
    close: () => subscription?.close(),
  }
}

const UNAVAILABLE: Refusal = {
  code: 'gateway_custody_unavailable',
  message:
    'The key for OpenAI is kept in Redis, which cannot be reached, and is not cached here. Check LLM_GATEWAY_REDIS_URL.',
}

const notSealed = (team: string): Refusal => ({
  code: 'gateway_key_not_sealed',
  message:
    `No key for OpenAI is sealed for this key of team ${team}. Seal one (llm-gateway keys seal --team ${team}), ` +
    'or give the client one of its own (OPENAI_API_KEY).',
})
