import type { Refusal } from '../core/refusal.ts'
import type { RedisConnection } from '../redis/connection.ts'
import { hashTag } from '../redis/hash-tag.ts'
import { type RedisSubscription, subscribe } from '../redis/pubsub.ts'
import type { Warn } from '../util/log.ts'
import { idOf, unseal } from './cipher.ts'

/**
 * One hash for each team: `t:<id>` is upstream's key sealed under a team key, `m:<id>` the team key sealed under the
 * operator's master key, `i:<id>` when and by whom. They have no TTL: without them nothing works.
 */
export const vaultOf = (team: string): string => `gw:{${hashTag(team)}}:k`

/** Teams whose keys have changed are told here, by name. */
export const CHANNEL = 'gw:custody'

/** So long a key is used without a look at Redis. */
const FRESH_MS = 60_000
/** So long it is used while Redis cannot be asked. */
const KEPT_MS = 3_600_000
const MAX_KEPT = 1_000

/** `doubtful`: what was said of it may have been missed; Redis is asked before it is used again, if it can be. */
type Kept = { secret: string; readAt: number; doubtful: boolean }

/** Upstream's key for whoever shows a team key. */
export type KeyProvider = {
  /** At once, where it is known. */
  open: (team: string, teamKey: string) => string | Promise<string | Refusal>
  /** After upstream has turned a key down: another one, if there is one by now. */
  afterRejected: (refused: string, team: string, teamKey: string) => Promise<string | undefined>
  close: () => void
}

export function createKeyProvider(
  link: RedisConnection,
  say: Warn,
  now: () => number = () => performance.now(),
): KeyProvider {
  const kept = new Map<string, Kept>()
  const reading = new Map<string, Promise<string | Refusal>>()
  let ear: RedisSubscription | undefined
  /** Changes that were told of so far: what was read while one came may be what it was about. */
  let changes = 0

  /** Made at first use. */
  function hear() {
    ear ??= subscribe(link, CHANNEL, { onListening: doubt, onMessage: forget })
  }

  /** Whoever was deaf for a while may have missed that a key was revoked. */
  function doubt() {
    for (const known of kept.values()) known.doubtful = true
  }

  function forget(team: string) {
    changes += 1
    for (const name of kept.keys()) if (name.startsWith(`${team}\n`)) kept.delete(name)
  }

  function read(team: string, teamKey: string): Promise<string | Refusal> {
    hear()
    const name = `${team}\n${teamKey}`
    const known = reading.get(name)
    if (known !== undefined) return known
    const work = look(team, teamKey, name).finally(() => reading.delete(name))
    reading.set(name, work)
    return work
  }

  async function look(team: string, teamKey: string, name: string): Promise<string | Refusal> {
    const id = idOf(teamKey, team)
    const before = changes
    let value: string | null
    try {
      value = await link.run((client) => client.hget(vaultOf(team), `t:${id}`))
    } catch {
      const last = kept.get(name)
      return last !== undefined && now() - last.readAt < KEPT_MS ? last.secret : UNAVAILABLE
    }
    if (value === null) {
      kept.delete(name)
      return notSealed(team)
    }
    const secret = unseal(value, teamKey, { team, what: 'upstream', id })
    if (secret === undefined) {
      say(
        'custody',
        `the sealed key of team ${team} (${id}) cannot be opened: it was damaged, or is not ours`,
      )
      return kept.get(name)?.secret ?? notSealed(team)
    }
    if (before === changes) {
      const [oldest] = kept.size >= MAX_KEPT ? kept.keys() : []
      if (oldest !== undefined) kept.delete(oldest)
      kept.set(name, { secret, readAt: now(), doubtful: false })
    }
    return secret
  }

  return {
    open(team, teamKey) {
      const found = kept.get(`${team}\n${teamKey}`)
      if (found === undefined || found.doubtful) return read(team, teamKey)
      const age = now() - found.readAt
      if (age < FRESH_MS) return found.secret
      const fresh = read(team, teamKey)
      // Nobody waits for a look at what was good a minute ago.
      return age < KEPT_MS ? found.secret : fresh
    },
    async afterRejected(refused, team, teamKey) {
      const now = await read(team, teamKey)
      return typeof now === 'string' && now !== refused ? now : undefined
    },
    close: () => ear?.close(),
  }
}

const UNAVAILABLE: Refusal = {
  code: 'gateway_custody_unavailable',
  message:
    'The key for OpenAI is kept in Redis, which cannot be reached, and was not read from there before.',
}

const notSealed = (team: string): Refusal => ({
  code: 'gateway_key_not_sealed',
  message:
    `No key for OpenAI is sealed for this key of team ${team}. Seal one (llm-gateway keys seal --team ${team}), ` +
    'or give the client one of its own (OPENAI_API_KEY).',
})
