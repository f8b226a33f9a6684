import { setTimeout as sleep } from 'node:timers/promises'
import type { RedisConnection } from '../../../redis/connection.ts'
import { createScript } from '../../../redis/script.ts'
import { isSigned, signatureOf } from '../../../util/signature.ts'
import type { PartitionRules } from '../../query/partition.ts'
import swapSource from '../../store/swap.lua'
import { adopt, BINS, type Labels, label, noLabels, onScale } from './labels.ts'
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

/** What all processes have learned of a school's questions; kept for as long as anybody adds to it now and then. */
export type SharedLabels = {
  /** `undefined` where Redis did not say. What is missing, or not signed, is as if nothing had been learned. */
  load: (school: PartitionRules) => Promise<SharedKnowledge | undefined>
  /** @param known All that this process has learned, the note among it: what others lost is there again. */
  add: (school: PartitionRules, note: Note, known: Counts) => Promise<void>
}

type Counts = Pick<SharedKnowledge, 'alone' | 'agreed'>

const KEPT_MS = 60 * 86_400_000
/** Judgements of single entries, the newest. */
const MAX_NOTES = 1_000
const MAX_BYTES = 100_000
/** `sightedName` of an entry, `+` or `-`, and the similarity in thousandths. */
const NOTE = /^([\w-]{20})([+-])(\d{1,4})$/
/** By which one state of the value is told from any other: its signature, as text. */
const STATE_BYTES = 22
/** Processes that learn something at the same time. */
const TRIES = 40
/** They try again at different times, up to so much later. */
const AGAIN_MS = 20

/**
 * For each school one value: its signature, counts (`r123` and `w123` for right and wrong judgements of a similarity, `R`
 * and `W` of a confidence), and the newest judgements by entry, without text. It is signed as a whole: labels that lower a
 * bar were all made by a holder of the secret, and those that raise it cannot be taken out from among them.
 */
export function createSharedLabels(link: RedisConnection, keyLocking = false): SharedLabels {
  const swap = createScript(swapSource, keyLocking ? 'allow-key-locking' : undefined)

  async function read({
    name,
    secret,
  }: PartitionRules): Promise<{ held: Buffer; counts: string; notes: string[] }> {
    const value = (await link.run((client) => client.getBuffer(name))) ?? Buffer.alloc(0)
    const held = value.subarray(0, STATE_BYTES)
    const isShort = value.length <= MAX_BYTES
    const [signature = '', counts = '', notes = '', ...more] = isShort
      ? value.toString('latin1').split('\n')
      : []
    const bytes = Buffer.from(signature, 'base64url')
    const isOurs =
      more.length === 0 &&
      bytes.toString('base64url') === signature &&
      isSigned(bytes, secret, `${name}\n`, Buffer.from(`${counts}\n${notes}`, 'latin1'))
    return isOurs
      ? { held, counts, notes: notes.split(',').filter(Boolean) }
      : { held, counts: '', notes: [] }
  }

  async function write(school: PartitionRules, note: Note, known: Counts): Promise<boolean> {
    const { held, counts, notes } = await read(school)
    const all = labelsFrom(counts)
    count(all, note)
    adopt(all.alone, known.alone)
    adopt(all.agreed, known.agreed)
    const fresh = [noted(note), ...notes].slice(0, MAX_NOTES).join(',')
    const body = `${textOf(all)}\n${fresh}`
    const { name, secret } = school
    const signature = signatureOf(secret, `${name}\n`, Buffer.from(body)).toString('base64url')
    const value = `${signature}\n${body}`
    return (await link.run((client) => swap.run(client, [name], [held, value, STATE_BYTES, KEPT_MS]))) === 1
  }

  return {
    async load(school) {
      try {
        const { counts, notes } = await read(school)
        return { ...labelsFrom(counts), sightings: sightingsFrom(notes) }
      } catch {
        // Redis is away, or somebody put something else there: this process goes by what it has learned itself.
        return undefined
      }
    },
    async add(school, note, known) {
      try {
        for (let tries = 0; tries < TRIES; tries += 1) {
          if (await write(school, note, known)) return
          await sleep(Math.random() * AGAIN_MS)
        }
      } catch {
        // One label less for the others, until this process adds another.
      }
    },
  }
}

function count({ alone, agreed }: Counts, { similarity, right, alone: isAlone, confidence }: Note) {
  if (isAlone) label(alone, similarity, right)
  if (confidence !== undefined) label(agreed, onScale(confidence), right)
}

const noted = ({ entry, similarity, right }: Note) =>
  `${sightedName(entry)}${right ? '+' : '-'}${Math.round(Math.max(0, similarity) * 1_000)}`

const columnsOf = ({ alone, agreed }: Counts): Record<string, Uint32Array> => ({
  r: alone.right,
  w: alone.wrong,
  R: agreed.right,
  W: agreed.wrong,
})

function textOf(counts: Counts): string {
  const fields = Object.entries(columnsOf(counts)).flatMap(([kind, column]) =>
    [...column].flatMap((count, bin) => (count === 0 ? [] : [`${kind}${bin}=${count}`])),
  )
  return fields.join(',')
}

/** Fields that are none of ours, and counts that are no counts, are left out. */
function labelsFrom(text: string): Counts {
  const counts = { alone: noLabels(), agreed: noLabels() }
  const columns = columnsOf(counts)
  for (const field of text.split(',')) {
    const [, kind = '', bin = '', count = ''] = /^([rwRW])(\d{1,3})=(\d{1,9})$/.exec(field) ?? []
    const column = columns[kind]
    if (column !== undefined && Number(bin) < BINS) column[Number(bin)] = Number(count)
  }
  return counts
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
