import { hashTag } from '../redis/hash-tag.ts'
import type { PurgeFilter } from './purge-filter.ts'

/**
 * Stamps of the last purges that concern one key, as Redis holds them: of the key's team, and of all teams. Each is
 * `<last purge of everything>.<last purge>`; empty: there was none. The name of a purge begins with its time in 15
 * digits, later than any before, so that stamps can be ordered.
 */
export type Stamps = { own: string; all: string }

/**
 * Names the span between two purges that concern a key. An answer is stored, and a flight is joined, only in the
 * epoch in which upstream was asked.
 */
export type Epoch = string

const NO_STAMPS: Stamps = { own: '', all: '' }

const KEY = /^gw:\{([^}]*)\}:/

/** Returns the hash tag of a cache key. */
export const tagIn = (key: string): string | undefined => KEY.exec(key)?.[1]

/** Returns the hash tags of the answers that a purge may remove; `undefined`: those of all teams. */
export function tagsOf({ key, team }: PurgeFilter): string[] | undefined {
  if (key !== undefined) {
    const tag = tagIn(key)
    return tag === undefined ? [] : [tag]
  }
  // Answers that all teams share are stored under a tag of their own.
  return team === undefined ? undefined : [hashTag(team), '*']
}

/** Counts the purges that this process has received. */
export function createGenerations() {
  const own = new Map<string, number>()
  let all = 0

  return {
    raise(what: PurgeFilter): void {
      const tags = tagsOf(what)
      if (tags === undefined) all += 1
      for (const tag of tags ?? []) own.set(tag, (own.get(tag) ?? 0) + 1)
    },
    of: (key: string): Epoch => `${all}+${own.size === 0 ? 0 : (own.get(tagIn(key) ?? '') ?? 0)}`,
  }
}

/**
 * Keeps the latest stamps, read from Redis by the same command as each answer. Stamps only move forward: one that
 * vanishes from Redis, or is replaced by an older one, brings no purged answer back.
 */
export function createStamps() {
  const own = new Map<string, string>()
  let all = ''
  let version = 0

  return {
    of: (key: string): Stamps => (version === 0 ? NO_STAMPS : { own: own.get(tagIn(key) ?? '') ?? '', all }),
    /** @returns `false` if Redis holds older stamps than this process knows. */
    learn(tag: string, reported: Stamps): boolean {
      const before = own.get(tag) ?? ''
      const now = { own: latest(before, reported.own), all: latest(all, reported.all) }
      if (now.own !== before || now.all !== all) {
        version += 1
        own.set(tag, now.own)
        all = now.all
      }
      return now.own === reported.own && now.all === reported.all
    },
    tags: () => [...own.keys()],
    /** Changes with every update. */
    version: () => version,
  }
}

/** Parses a stamp from Redis. A foreign value yields a stamp under which no answer can be stored. */
export function stampFrom(value: Buffer | string | null | undefined): string {
  if (value == null || value.length === 0) return ''
  const text = value.length > 80 ? '' : value.toString()
  return STAMP.test(text) && orderOf(text) <= Date.now() + FUTURE_MS ? text : FOREIGN
}

const STAMP = /^(?:\d{15}-[\w-]{12})?\.\d{15}-[\w-]{12}$/
const FOREIGN = 'foreign.foreign'

/** A stamp further in the future than clocks differ would make every later purge look older. */
export const FUTURE_MS = 3_600_000

/** Returns the time of the last purge in a stamp; 0 without a stamp. */
export function orderOf(stamp: string | undefined): number {
  const [, last = ''] = stamp?.split('.') ?? []
  return Number.parseInt(last, 10) || 0
}

/** Returns the later of two stamps, separately for each half. */
function latest(known: string, reported: string): string {
  if (reported === '' || reported === FOREIGN) return known === '' ? reported : known
  if (known === '' || known === FOREIGN) return reported
  const [whole = '', last = ''] = known.split('.')
  const [reportedWhole = '', reportedLast = ''] = reported.split('.')
  return `${whole > reportedWhole ? whole : reportedWhole}.${last > reportedLast ? last : reportedLast}`
}

/** Returns the part of the stamps that an entry's signature covers: the last purges of everything. */
export const signedPart = ({ own, all }: Stamps): string => `${own.split('.')[0]} ${all.split('.')[0]}`

/** Returns an epoch that includes the stamps, which other processes share. */
export const epochWith = (generation: Epoch, { own, all }: Stamps): Epoch => `${generation} ${own} ${all}`

export function stampsIn(epoch: Epoch): Stamps {
  const [, own = '', all = ''] = epoch.split(' ')
  return own === '' && all === '' ? NO_STAMPS : { own, all }
}

/** The stamps of one purge: for all teams, or for each tag. */
export type Stamped = { all?: string; own?: Record<string, string> }

/** Returns the stamps of a purge's notice without those that no purge has made: any writer to Redis can send one. */
export function madeStamps({ all, own = {} }: Stamped): Stamped {
  const isMade = (stamp: string | undefined) => orderOf(stamp) > 0 && stampFrom(stamp) === stamp
  return {
    ...(isMade(all) && { all }),
    own: Object.fromEntries(Object.entries(own).filter(([, stamp]) => isMade(stamp))),
  }
}
