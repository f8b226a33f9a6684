import type { RedisConnection } from '../../../redis/connection.ts'
import type { CalibrationScope } from '../../query/partition.ts'
import { feedbackName } from './feedback.ts'
import { addLabel, BINS, emptyLabels, type Labels, mergeMax, onScale } from './labels.ts'
import { createSignedValues } from './signed-value.ts'
import type { Observation } from './vcache.ts'

/** A label: whether the answer of an entry would have been right. */
export type LabelNote = {
  /** The entry's key, as in `Entry.id`. */
  entry: string
  similarity: number
  right: boolean
  /** Whether the label counts for the path `nearest`; `confidence` is set if it counts for the path `consensus`. */
  nearest: boolean
  confidence: number | undefined
}

/** `feedback`: labels by `feedbackName` of an entry. */
export type SharedKnowledge = { nearest: Labels; consensus: Labels; feedback: Map<string, Observation[]> }

/** Labels of a scope, shared by all processes through Redis. They expire 60 days after the last one. */
export type SharedLabels = {
  /** Resolves `undefined` if Redis does not answer. Missing or unsigned data reads as no labels. */
  load: (scope: CalibrationScope) => Promise<SharedKnowledge | undefined>
  /** @param known All labels of this process, this one included: restores what Redis lost. */
  add: (scope: CalibrationScope, note: LabelNote, known: Counts) => Promise<void>
}

type Counts = Pick<SharedKnowledge, 'nearest' | 'consensus'>

const KEPT_MS = 60 * 86_400_000
/** Labels of single entries kept, newest first. */
const MAX_NOTES = 1_000
const MAX_BYTES = 100_000
/** `feedbackName` of an entry, `+` or `-`, and the similarity in thousandths. */
const NOTE = /^([\w-]{20})([+-])(\d{1,4})$/

/**
 * Stores one value per scope: signature, counts (`r123` and `w123` for right and wrong at a similarity, `R` and `W` at
 * a confidence), and the newest labels by entry, without text. The value is signed as a whole: without the secret,
 * labels can neither be added to lower a threshold, nor removed from among those that raise it.
 */
export function createSharedLabels(redis: RedisConnection, keyLocking = false): SharedLabels {
  const values = createSignedValues(redis, { keyLocking, keptMs: KEPT_MS, maxBytes: MAX_BYTES })

  return {
    async load({ name, secret }) {
      try {
        const { counts, notes } = partsOf(await values.read(name, secret))
        return { ...labelsFrom(counts), feedback: feedbackFrom(notes) }
      } catch {
        // Redis is down, or the key holds another type: this process uses its own labels.
        return undefined
      }
    },
    async add({ name, secret }, note, known) {
      try {
        await values.update(name, secret, (text) => {
          const { counts, notes } = partsOf(text)
          const all = labelsFrom(counts)
          count(all, note)
          mergeMax(all.nearest, known.nearest)
          mergeMax(all.consensus, known.consensus)
          return `${formatCounts(all)}\n${[formatNote(note), ...notes].slice(0, MAX_NOTES).join(',')}`
        })
      } catch {
        // Other processes miss one label until this process adds the next.
      }
    },
  }
}

function partsOf(text = ''): { counts: string; notes: string[] } {
  const [counts = '', notes = ''] = text.split('\n')
  return { counts, notes: notes.split(',').filter(Boolean) }
}

function count(
  { nearest, consensus }: Counts,
  { similarity, right, nearest: isAlone, confidence }: LabelNote,
) {
  if (isAlone) addLabel(nearest, similarity, right)
  if (confidence !== undefined) addLabel(consensus, onScale(confidence), right)
}

const formatNote = ({ entry, similarity, right }: LabelNote) =>
  `${feedbackName(entry)}${right ? '+' : '-'}${Math.round(Math.max(0, similarity) * 1_000)}`

const columnsOf = ({ nearest, consensus }: Counts): Record<string, Uint32Array> => ({
  r: nearest.right,
  w: nearest.wrong,
  R: consensus.right,
  W: consensus.wrong,
})

function formatCounts(counts: Counts): string {
  const fields = Object.entries(columnsOf(counts)).flatMap(([kind, column]) =>
    [...column].flatMap((count, bin) => (count === 0 ? [] : [`${kind}${bin}=${count}`])),
  )
  return fields.join(',')
}

/** Returns how many labels of right and of wrong answers a stored value has. Its signature is not verified. */
export function labelSumsIn(value: string): { right: number; wrong: number } {
  const [, counts = ''] = value.split('\n')
  const { nearest, consensus } = labelsFrom(counts)
  const sum = (...columns: Uint32Array[]) =>
    columns.flatMap((column) => [...column]).reduce((total, count) => total + count, 0)
  return { right: sum(nearest.right, consensus.right), wrong: sum(nearest.wrong, consensus.wrong) }
}

/** Skips unknown fields and invalid counts. */
function labelsFrom(text: string): Counts {
  const counts = { nearest: emptyLabels(), consensus: emptyLabels() }
  const columns = columnsOf(counts)
  for (const field of text.split(',')) {
    const [, kind = '', bin = '', count = ''] = /^([rwRW])(\d{1,3})=(\d{1,9})$/.exec(field) ?? []
    const column = columns[kind]
    if (column !== undefined && Number(bin) < BINS) column[Number(bin)] = Number(count)
  }
  return counts
}

function feedbackFrom(notes: readonly string[]): Map<string, Observation[]> {
  const sightings = new Map<string, Observation[]>()
  // The list has the newest first; an entry's labels have the newest last.
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
