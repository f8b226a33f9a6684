import { hashTag } from '../redis/hash-tag.ts'
import type { PurgeFilter } from './purge-filter.ts'

/**
 * The last purges that concern one key, as Redis knows them: of the key's team, and of all teams. Each is
 * `<last purge of everything>.<last purge>`; empty: there was none. A purge's name begins with its time, in 15 digits, later
 * than any before it: of two stamps, it can be told which is the older one.
 */
export type Stamps = { own: string; all: string }

/**
 * Names the time between two purges that concern a key. An answer is kept, and a flight is joined, only in the epoch in
 * which upstream was asked.
 */
export type Epoch = string

const NO_STAMPS: Stamps = { own: '', all: '' }

const KEY = /^gw:\{([^}]*)\}:/

/** The hash tag of a key of ours. */
export const tagIn = (key: string): string | undefined => KEY.exec(key)?.[1]

/** Hash tags of the answers that a purge may forget; `undefined`: those of all teams. */
export function tagsOf({ key, team }: PurgeFilter): string[] | undefined {
  if (key !== undefined) {
    const tag = tagIn(key)
    return tag === undefined ? [] : [tag]
  }
  // Answers that all teams share lie under a tag of their own.
  return team === undefined ? undefined : [hashTag(team), '*']
}

/** Counts the purges that this process has heard of. */
export function createGenerations() {
  const own = new Map<string, number>()
  let all = 0

  return {
    raise(what: PurgeFilter): void {
      const tags = tagsOf(what)
      if (tags === undefined) all += 1
      for (const tag of tags ?? []) own.set(tag, (own.get(tag) ?? 0) + 1)
    },
    of: (key: string): Epoch => `${all}+${own.get(tagIn(key) ?? '') ?? 0}`,
  }
}

/**
 * The latest that was heard of purges, from Redis above all, where it is read with each answer that is looked for, by the
 * same command. What was known once is not forgotten: a stamp that vanishes from Redis, or gives way to an older one,
 * brings no answer back.
 */
export function createStamps() {
  const own = new Map<string, string>()
  let all = ''
  let version = 0

  return {
    of: (key: string): Stamps => ({ own: own.get(tagIn(key) ?? '') ?? '', all }),
    /** @returns false where less was said than is known. */
    learn(tag: string, told: Stamps): boolean {
      const before = own.get(tag) ?? ''
      const now = { own: latest(before, told.own), all: latest(all, told.all) }
      if (now.own !== before || now.all !== all) {
        version += 1
        own.set(tag, now.own)
        all = now.all
      }
      return now.own === told.own && now.all === told.all
    },
    tags: () => [...own.keys()],
    /** Changes with any of them. */
    version: () => version,
  }
}

/** A stamp as Redis gave it; what is none, since somebody else wrote it, is one that no answer can be stored under. */
export function stampFrom(value: Buffer | string | null | undefined): string {
  if (value == null || value.length === 0) return ''
  const text = value.length > 80 ? '' : value.toString()
  return STAMP.test(text) && orderOf(text) <= Date.now() + FUTURE_MS ? text : FOREIGN
}

const STAMP = /^(?:\d{15}-[\w-]{12})?\.\d{15}-[\w-]{12}$/
const FOREIGN = 'foreign.foreign'

/** A stamp from further ahead than clocks differ would make every later purge look like an older one. */
export const FUTURE_MS = 3_600_000

/** When the last purge was of which a stamp tells; 0 for what tells of none. */
export function orderOf(stamp: string | undefined): number {
  const [, last = ''] = stamp?.split('.') ?? []
  return Number.parseInt(last, 10) || 0
}

/** The later of two stamps, in each of its halves. */
function latest(known: string, told: string): string {
  if (told === '' || told === FOREIGN) return known === '' ? told : known
  if (known === '' || known === FOREIGN) return told
  const [whole = '', last = ''] = known.split('.')
  const [toldWhole = '', toldLast = ''] = told.split('.')
  return `${whole > toldWhole ? whole : toldWhole}.${last > toldLast ? last : toldLast}`
}

/** What an entry's signature is bound to beside its key: purges of everything that it came after. */
export const boundTo = ({ own, all }: Stamps): string => `${own.split('.')[0]} ${all.split('.')[0]}`

/** An epoch with the stamps in it, of which other processes know. */
export const epochWith = (generation: Epoch, { own, all }: Stamps): Epoch => `${generation} ${own} ${all}`

export function stampsIn(epoch: Epoch): Stamps {
  const [, own = '', all = ''] = epoch.split(' ')
  return own === '' && all === '' ? NO_STAMPS : { own, all }
}

/** What a purge was stamped with: for all teams, or for each tag. */
export type Stamped = { all?: string; own?: Record<string, string> }
