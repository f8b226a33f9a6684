import { matches, type PurgeFilter } from '../../entry/purge-filter.ts'
import type { RedisConnection } from '../../redis/connection.ts'
import { hashTag } from '../../redis/hash-tag.ts'
import { primariesOf } from '../../redis/nodes.ts'
import { signerOf } from '../../util/signature.ts'
import { exactFrom, type Sealed, seal, TWIN_AT, unseal } from './codec.ts'
import { type Generations, generationKeyOf } from './generations.ts'
import { PINNED_MS } from './pinned.ts'
import type { SemanticEntry, StoreAdmin } from './port.ts'
import { answerKeyOf, list } from './redis-entries.ts'

const ENTRY_KEY = /^(gw:\{([^}]*)\}:s:[\w-]{24}):([\w-]{20})$/
const EXACT_KEY = /^gw:\{[^}]*\}:x:[\w-]{43}$/
const GENERATION_KEY = /^gw:\{([^}]*)\}:sg:[\w-]{24}$/
const PAGE = 500

/** Over Redis. All of it throws RedisUnavailable when that is away. */
export function createAdmin(
  link: RedisConnection,
  secret: string | undefined,
  generations: Generations,
): StoreAdmin {
  const signer = secret === undefined ? undefined : signerOf(secret)

  async function* scan(pattern: string): AsyncGenerator<string> {
    for (const master of await link.run(async (client) => primariesOf(client))) {
      let cursor = '0'
      do {
        const [next, page] = await link.run(() => master.scan(cursor, 'MATCH', pattern, 'COUNT', PAGE))
        yield* page
        cursor = next
      } while (cursor !== '0')
    }
  }

  async function* keys({ team, key: only }: PurgeFilter): AsyncGenerator<RegExpExecArray> {
    const of = (key: string) => {
      const found = ENTRY_KEY.exec(key)
      return found !== null && (team === undefined || found[2] === hashTag(team)) ? found : undefined
    }
    const one = only === undefined ? undefined : of(only)
    if (one !== undefined) yield one
    if (only !== undefined && !EXACT_KEY.test(only)) return
    for await (const key of scan('gw:{*}:s:*:*')) {
      const found = of(key)
      if (found !== undefined && (only === undefined || (await exactOf(found)) === only)) yield found
    }
  }

  async function exactOf([key, name = '']: RegExpExecArray): Promise<string> {
    return exactFrom(name, await link.run((client) => client.getrangeBuffer(key, ...TWIN_AT)))
  }

  async function read([key, name = '', , id = '']: RegExpExecArray): Promise<Sealed | undefined> {
    if (signer === undefined) return undefined
    const [value, generation] = await link.run((client) => client.mgetBuffer(key, generationKeyOf(name)))
    return value == null
      ? undefined
      : await unseal({ name, secret: signer(name) }, id, value, generations.heard(name, generation))
  }

  /** Before anything is forgotten: from then on no entry counts that was put there before, nor one that is put back. */
  async function endGenerations({ team }: PurgeFilter) {
    const tag = team === undefined ? undefined : hashTag(team)
    for await (const key of scan('gw:{*}:sg:*')) {
      const [, of] = GENERATION_KEY.exec(key) ?? []
      if (of !== undefined && (tag === undefined || of === tag))
        await link.run((client) => client.unlink(key))
    }
    generations.end(tag)
  }

  async function remove(what: PurgeFilter): Promise<number> {
    let gone = 0
    if (what.key === undefined && what.agent === undefined && what.model === undefined)
      await endGenerations(what)
    for await (const found of keys(what)) {
      const [key, name = '', , id = ''] = found
      const needsReading = what.agent !== undefined || what.model !== undefined
      const sealed = needsReading ? await read(found) : undefined
      if (sealed !== undefined && !concerns(what, key, sealed)) continue
      gone += await link.run((client) => client.unlink(key))
      await link.run((client) => client.zrem(name, id))
    }
    return gone
  }

  return {
    async list(what, limit = 100) {
      const entries: SemanticEntry[] = []
      for await (const found of keys(what)) {
        if (entries.length >= limit) break
        const sealed = await read(found)
        if (sealed !== undefined && concerns(what, found[0], sealed)) entries.push(shown(found[0], sealed))
      }
      return entries
    },
    async inspect(key) {
      const found = ENTRY_KEY.exec(key)
      const sealed = found === null ? undefined : await read(found)
      return sealed && shown(key, sealed)
    },
    remove,
    async exactOf(key) {
      const found = ENTRY_KEY.exec(key)
      return (found && (await exactOf(found))) || undefined
    },
    async forget(answerId) {
      const named = answerKeyOf(answerId)
      for (const key of await link.run((client) => client.smembers(named))) await remove({ key })
      await link.run((client) => client.unlink(named))
    },
    async pin(key, pinned = true) {
      const found = ENTRY_KEY.exec(key)
      const sealed = found === null ? undefined : await read(found)
      if (found === null || sealed === undefined || signer === undefined) return false
      const [, name = '', , id = ''] = found
      const now = Date.now()
      const keptMs = pinned ? PINNED_MS : Math.ceil(sealed.answer.keptUntil - now)
      const value = await seal(
        { name, secret: signer(name) },
        id,
        { ...sealed, pinned },
        generations.known(name) ?? '',
      )
      if (value === undefined) return false
      if (keptMs <= 0) await link.run((client) => client.unlink(key))
      else await link.run((client) => client.set(key, value, 'PX', keptMs))
      if (keptMs > 0) await list(link, name, id, now, PINNED_MS)
      return true
    },
  }
}

/** As for any answer; a key may be that of the same answer in the exact cache. */
export const concerns = (what: PurgeFilter, key: string, { answer, exact }: Sealed): boolean =>
  matches(what, what.key === exact && exact !== '' ? exact : key, answer)

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
