import { tagOf } from '../redis/tag.ts'
import type { Purge } from './purge.ts'

/**
 * The last purges that concern one key, as Redis knows them: of the key's team, and of all teams. Each is
 * `<last purge of everything>.<last purge>`; empty: there was none.
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
export function tagsOf({ key, team }: Purge): string[] | undefined {
  if (key !== undefined) {
    const tag = tagIn(key)
    return tag === undefined ? [] : [tag]
  }
  // Answers that all teams share lie under a tag of their own.
  return team === undefined ? undefined : [tagOf(team), '*']
}

/** Counts the purges that this process has heard of. */
export function createGenerations() {
  const own = new Map<string, number>()
  let all = 0

  return {
    raise(what: Purge): void {
      const tags = tagsOf(what)
      if (tags === undefined) all += 1
      for (const tag of tags ?? []) own.set(tag, (own.get(tag) ?? 0) + 1)
    },
    of: (key: string): Epoch => `${all}+${own.get(tagIn(key) ?? '') ?? 0}`,
  }
}

/** What Redis last said of purges. It is read with each answer that is looked for there, by the same command. */
export function createStamps() {
  const own = new Map<string, string>()
  let all = ''
  let version = 0

  return {
    of: (key: string): Stamps => ({ own: own.get(tagIn(key) ?? '') ?? '', all }),
    learn(tag: string, stamps: Stamps): void {
      if ((own.get(tag) ?? '') === stamps.own && all === stamps.all) return
      version += 1
      if (stamps.own !== '') own.set(tag, stamps.own)
      else own.delete(tag)
      all = stamps.all
    },
    /** Changes with any of them. */
    version: () => version,
  }
}

/** A stamp as Redis gave it; what is none, since somebody else wrote it, is one that no answer can be stored under. */
export function stampFrom(value: Buffer | string | null | undefined): string {
  if (value == null || value.length === 0) return ''
  const text = value.length > 80 ? '' : value.toString()
  return /^[\w-]*\.[\w-]+$/.test(text) ? text : 'foreign.foreign'
}

/** What an entry's signature is bound to beside its key: purges of everything that it came after. */
export const boundTo = ({ own, all }: Stamps): string => `${own.split('.')[0]} ${all.split('.')[0]}`

/** An epoch with the stamps in it, of which other processes know. */
export const epochWith = (generation: Epoch, { own, all }: Stamps): Epoch => `${generation} ${own} ${all}`

export function stampsIn(epoch: Epoch): Stamps {
  const [, own = '', all = ''] = epoch.split(' ')
  return own === '' && all === '' ? NO_STAMPS : { own, all }
}
