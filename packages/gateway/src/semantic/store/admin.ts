import { matches, type Purge } from '../../cache/purge.ts'
import type { CacheEntry } from '../../cache/store.ts'
import type { Link } from '../../redis/link.ts'
import { mastersOf } from '../../redis/masters.ts'
import { tagOf } from '../../redis/tag.ts'
import { signerOf } from '../scope.ts'
import { type Sealed, seal, unseal } from './seal.ts'

/** An entry of the semantic cache, as an admin sees it. */
export type SemanticEntry = {
  /** Its name, for `pin` and `remove`. */
  key: string
  team: string
  agent: string
  model: string
  question: string
  /** The answer's body, as JSON. */
  answer: string
  storedAt: number
  expiresAt: number
  /** Kept for a year, whatever the policy says. */
  pinned: boolean
}

export type SemanticAdmin = {
  /** Entries that match, in no order. Without the secret they were signed with, none can be read. @default limit 100 */
  list: (what: Purge, limit?: number) => Promise<SemanticEntry[]>
  /** How many were removed. What cannot be read is removed as well, if its team matches: it is of no use to anybody. */
  remove: (what: Purge) => Promise<number>
  /** False: it is not there, or cannot be read. */
  pin: (key: string) => Promise<boolean>
}

const ENTRY_KEY = /^(gw:\{([^}]*)\}:s:[\w-]{24}):([\w-]{20})$/
const PAGE = 500
export const PINNED_MS = 365 * 86_400_000

/** Over Redis. All of it throws RedisUnavailable when that is away. */
export function createAdmin(link: Link, secret: string | undefined): SemanticAdmin {
  const signer = secret === undefined ? undefined : signerOf(secret)

  async function* keys({ team, key: only }: Purge): AsyncGenerator<RegExpExecArray> {
    const of = (key: string) => {
      const found = ENTRY_KEY.exec(key)
      return found !== null && (team === undefined || found[2] === tagOf(team)) ? found : undefined
    }
    if (only !== undefined) {
      const found = of(only)
      if (found !== undefined) yield found
      return
    }
    for (const master of await link.ask(async (client) => mastersOf(client))) {
      let cursor = '0'
      do {
        const [next, page] = await link.ask(() => master.scan(cursor, 'MATCH', 'gw:{*}:s:*:*', 'COUNT', PAGE))
        for (const key of page) {
          const found = of(key)
          if (found !== undefined) yield found
        }
        cursor = next
      } while (cursor !== '0')
    }
  }

  async function read([key, name = '', , id = '']: RegExpExecArray): Promise<Sealed | undefined> {
    if (signer === undefined) return undefined
    const value = await link.ask((client) => client.getBuffer(key))
    return value === null ? undefined : await unseal({ name, secret: signer(name) }, id, value)
  }

  return {
    async list(what, limit = 100) {
      const entries: SemanticEntry[] = []
      for await (const found of keys(what)) {
        if (entries.length >= limit) break
        const sealed = await read(found)
        if (sealed !== undefined && matches(what, found[0], sealed.answer))
          entries.push(shown(found[0], sealed))
      }
      return entries
    },
    async remove(what) {
      let gone = 0
      for await (const found of keys(what)) {
        const [key, name = '', , id = ''] = found
        const needsReading = what.agent !== undefined || what.model !== undefined
        const sealed = needsReading ? await read(found) : undefined
        if (sealed !== undefined && !matches(what, key, sealed.answer)) continue
        gone += await link.ask((client) => client.unlink(key))
        await link.ask((client) => client.zrem(name, id))
      }
      return gone
    },
    async pin(key) {
      const found = ENTRY_KEY.exec(key)
      const sealed = found === null ? undefined : await read(found)
      if (found === null || sealed === undefined || signer === undefined) return false
      const [, name = '', , id = ''] = found
      const until = Date.now() + PINNED_MS
      const answer: CacheEntry = { ...sealed.answer, freshUntil: until, keptUntil: until }
      const value = await seal({ name, secret: signer(name) }, id, { ...sealed, answer, pinned: true })
      if (value === undefined) return false
      await link.ask((client) => client.set(key, value, 'PX', PINNED_MS))
      await link.ask((client) => client.pexpire(name, PINNED_MS))
      return true
    },
  }
}

export const shown = (key: string, { question, answer, pinned }: Sealed): SemanticEntry => ({
  key,
  team: answer.team,
  agent: answer.agent,
  model: answer.model,
  question,
  answer: answer.text,
  storedAt: answer.storedAt,
  expiresAt: answer.freshUntil,
  pinned,
})
