import { matches, type Purge } from '../../cache/purge.ts'
import { signerOf } from '../../cache/signature.ts'
import type { Link } from '../../redis/link.ts'
import { mastersOf } from '../../redis/masters.ts'
import { tagOf } from '../../redis/tag.ts'
import { PINNED_MS, type Sealed, seal, unseal } from './seal.ts'
import { list } from './shelf.ts'

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
  /** Milliseconds since the epoch; so is the other. */
  storedAt: number
  /** When it goes, unless it is pinned. */
  expiresAt: number
  /** Kept for a year, and no new answer replaces it. */
  pinned: boolean
  /** How often it has answered since this process began; of what others gave, this process knows nothing. */
  hits: number
}

export type SemanticAdmin = {
  /** Entries that match, in no order. Without the secret they were signed with, none can be read. @default limit 100 */
  list: (what: Purge, limit?: number) => Promise<SemanticEntry[]>
  /** By `key`, as in `list`, or as `semantic.entry` in the record of a call. `undefined`: it is not there, or cannot be read. */
  inspect: (key: string) => Promise<SemanticEntry | undefined>
  /** How many were removed. What cannot be read is removed as well, if its team matches: it is of no use to anybody. */
  remove: (what: Purge) => Promise<number>
  /**
   * Keeps an entry; with `false`, lets it go when its time has come. False: it is not there, or cannot be read.
   * @default pinned true
   */
  pin: (key: string, pinned?: boolean) => Promise<boolean>
}

const ENTRY_KEY = /^(gw:\{([^}]*)\}:s:[\w-]{24}):([\w-]{20})$/
const PAGE = 500

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
    async inspect(key) {
      const found = ENTRY_KEY.exec(key)
      const sealed = found === null ? undefined : await read(found)
      return sealed && shown(key, sealed)
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
    async pin(key, pinned = true) {
      const found = ENTRY_KEY.exec(key)
      const sealed = found === null ? undefined : await read(found)
      if (found === null || sealed === undefined || signer === undefined) return false
      const [, name = '', , id = ''] = found
      const now = Date.now()
      const keptMs = pinned ? PINNED_MS : Math.ceil(sealed.answer.keptUntil - now)
      const value = await seal({ name, secret: signer(name) }, id, { ...sealed, pinned })
      if (value === undefined) return false
      if (keptMs <= 0) await link.ask((client) => client.unlink(key))
      else await link.ask((client) => client.set(key, value, 'PX', keptMs))
      if (keptMs > 0) await list(link, name, id, now, PINNED_MS)
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
  hits: 0,
})
