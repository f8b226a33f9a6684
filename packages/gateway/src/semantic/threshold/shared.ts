import { hash } from 'node:crypto'
import type { Link } from '../../redis/link.ts'
import { tagOf } from '../../redis/tag.ts'
import { BINS, binOf, type Labels, noLabels, onScale } from './labels.ts'
import { sightedName } from './sightings.ts'
import type { Observation } from './vcache.ts'

/** One judgement: would the answer of this entry have served? */
export type Note = {
  /** Its key, as in `Entry.id`. */
  entry: string
  similarity: number
  right: boolean
  /** Whether it tells of answers that serve on their own; of those on which several agree, with which confidence. */
  alone: boolean
  confidence: number | undefined
}

/** `sightings`: by `sightedName` of an entry. */
export type SharedKnowledge = { alone: Labels; agreed: Labels; sightings: Map<string, Observation[]> }

/** What all processes have learned of an agent's questions; kept for as long as anybody adds to it now and then. */
export type SharedLabels = {
  /** `undefined` where Redis did not say. */
  load: (agent: string) => Promise<SharedKnowledge | undefined>
  add: (agent: string, note: Note) => Promise<void>
}

const KEPT_MS = 60 * 86_400_000
/** Judgements of single entries, the newest: those of entries that have expired fall off the end. */
const MAX_NOTES = 2_000
/** `sightedName` of an entry, `+` or `-`, and the similarity in thousandths. */
const NOTE = /^([\w-]{20})([+-])(\d{1,4})$/

/**
 * For each agent and embedder a hash of counts, `r123` and `w123` for right and wrong judgements of a similarity, `R` and
 * `W` of a confidence; and a list of the newest judgements by entry, which is bounded by cutting it, where a hash could
 * only be full. Neither holds text.
 */
export function createSharedLabels(link: Link, embedder: string): SharedLabels {
  const model = hash('sha256', embedder, 'base64url').slice(0, 8)
  const countsOf = (agent: string) => `gw:{${tagOf(agent)}}:sl:${model}`
  const notesOf = (agent: string) => `gw:{${tagOf(agent)}}:sn:${model}`
  return {
    async load(agent) {
      try {
        const fields = await link.ask((client) => client.hgetall(countsOf(agent)))
        const notes = await link.ask((client) => client.lrange(notesOf(agent), 0, MAX_NOTES - 1))
        return { ...labelsFrom(fields), sightings: sightingsFrom(notes) }
      } catch {
        // Redis is away, or somebody put something else there: this process goes by what it has learned itself.
        return undefined
      }
    },
    async add(agent, { entry, similarity, right, alone, confidence }) {
      const [counts, notes] = [countsOf(agent), notesOf(agent)]
      const fields = [
        ...(alone ? [`${right ? 'r' : 'w'}${binOf(similarity)}`] : []),
        ...(confidence === undefined ? [] : [`${right ? 'R' : 'W'}${binOf(onScale(confidence))}`]),
      ]
      const note = `${sightedName(entry)}${right ? '+' : '-'}${Math.round(Math.max(0, similarity) * 1_000)}`
      try {
        for (const field of fields) await link.ask((client) => client.hincrby(counts, field, 1))
        await link.ask((client) => client.pexpire(counts, KEPT_MS))
        await link.ask((client) => client.lpush(notes, note))
        await link.ask((client) => client.ltrim(notes, 0, MAX_NOTES - 1))
        await link.ask((client) => client.pexpire(notes, KEPT_MS))
      } catch {
        // One label less for the others.
      }
    },
  }
}

/** Fields that are none of ours, and counts that are no counts, are left out. */
function labelsFrom(fields: Record<string, string>): { alone: Labels; agreed: Labels } {
  const [alone, agreed] = [noLabels(), noLabels()]
  const columns: Record<string, Uint32Array> = {
    r: alone.right,
    w: alone.wrong,
    R: agreed.right,
    W: agreed.wrong,
  }
  for (const [field, value] of Object.entries(fields)) {
    const [, kind = '', digits = ''] = /^([rwRW])(\d{1,3})$/.exec(field) ?? []
    const [bin, count] = [Number(digits), Number(value)]
    const column = columns[kind]
    if (column === undefined || bin >= BINS || !Number.isSafeInteger(count) || count < 0 || count > 1e9)
      continue
    column[bin] = count
  }
  return { alone, agreed }
}

function sightingsFrom(notes: readonly string[]): Map<string, Observation[]> {
  const sightings = new Map<string, Observation[]>()
  // The newest is the first of the list, and the last of an entry's.
  for (const note of notes.toReversed()) {
    const [, entry, sign, thousandths] = NOTE.exec(note) ?? []
    if (entry === undefined) continue
    const observation = { similarity: Math.min(1, Number(thousandths) / 1_000), right: sign === '+' }
    const known = sightings.get(entry)
    if (known === undefined) sightings.set(entry, [observation])
    else known.push(observation)
  }
  return sightings
}
