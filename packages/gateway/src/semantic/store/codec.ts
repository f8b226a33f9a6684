import { decode, encode } from '../../cache-entry/codec.ts'
import type { CacheEntry } from '../../cache-entry/entry.ts'
import { isSigned, SIGNATURE_BYTES, signatureOf } from '../../util/signature.ts'
import type { Partition } from '../query/partition.ts'
import type { Generation } from './generations.ts'

/**
 * Format of an entry in Redis: vector, question and answer in one value, so that they are stored and deleted together.
 *
 *  'G' 'S' version flags | dimensions | length of the question | HMAC | exact key | asker | vector | number of groups |
 * groups |
 *  number of refuted | refuted | question | answer, as in the exact cache
 *
 * The HMAC covers everything else and the partition, its generation and the id: a value that was changed, forged,
 * copied from elsewhere or kept from before a purge is ignored.
 */
const MAGIC_AND_VERSION = Buffer.from('GS\x04')
const HMAC_AT = 8
const BODY_AT = HMAC_AT + SIGNATURE_BYTES
const MAX_DIMENSIONS = 4_096
const MAX_QUESTION_BYTES = 4_000
const GROUP_BYTES = 9
const MAX_GROUPS = 255
const REFUTED_BYTES = 15
const MAX_REFUTED = 255
/** A byte for the kind of key, and the digest. */
const EXACT_KEY_BYTES = 33
const ASKER_BYTES = 9
const NO_ASKER = Buffer.alloc(ASKER_BYTES)
const VECTOR_OFFSET = EXACT_KEY_BYTES + ASKER_BYTES
const VECTOR_AT = BODY_AT + VECTOR_OFFSET
/** Place of the byte of a value that holds its flags. */
export const FLAGS_AT = 3
const PINNED = 1
const CHECKED = 2
/** Tells by its flags whether an entry is pinned. */
export const isPinned = (flags = 0): boolean => (flags & PINNED) !== 0
const MAX_BYTES = 2 * 1024 * 1024
export type Sealed = {
  question: string
  vector: Int8Array
  answer: CacheEntry
  /** Group names of 12 base64url characters. */
  groups: readonly string[]
  /** Names (`refutedId`) of questions for which its answer was judged wrong. At more than 255 the entry is deleted. */
  refuted: readonly string[]
  /** Key of the same answer in the exact cache; empty if it has none. */
  exact: string
  pinned: boolean
  /** Digest of who asked, 12 base64url characters; empty if the call named no one. */
  asker: string
  /** Whether the judge has found that its answer is no single person's. */
  checked: boolean
}

/** First bytes of a value, up to the end of its signature: they identify one state of it. */
export const STATE_BYTES = BODY_AT

/** First and last byte of the packed exact key in a value. */
export const EXACT_KEY_AT = [BODY_AT, BODY_AT + EXACT_KEY_BYTES - 1] as const

const EXACT_KEY = /^gw:\{([^}]*)\}:x:([\w-]{43})$/
/** Hash tag of answers shared by all teams. */
const SHARED = '*'

/** Packs an exact cache key without its team, which is the partition's. */
export function packExactKey(exact: string): Buffer {
  const [, tag, digest] = EXACT_KEY.exec(exact) ?? []
  if (digest === undefined) return Buffer.alloc(EXACT_KEY_BYTES)
  return Buffer.concat([Buffer.of(tag === SHARED ? 2 : 1), Buffer.from(digest, 'base64url')])
}

/** Unpacks the exact cache key of an entry in this partition. Needs no secret. */
export function unpackExactKey(partition: string, packed: Buffer): string {
  const kind = packed.length === EXACT_KEY_BYTES ? packed[0] : 0
  if (kind !== 1 && kind !== 2) return ''
  const tag = kind === 2 ? SHARED : (/^gw:\{([^}]*)\}:/.exec(partition)?.[1] ?? '')
  return `gw:{${tag}}:x:${packed.toString('base64url', 1)}`
}

/** Encodes and signs an entry. Returns `undefined` if it exceeds a size limit. */
export async function seal(
  { name, secret }: Partition,
  id: string,
  { question, vector, answer, groups, refuted, exact, pinned, asker, checked }: Sealed,
  generation: Generation,
): Promise<Buffer | undefined> {
  const words = Buffer.from(question)
  const names = Buffer.from(groups.join(''), 'base64url')
  const wrong = Buffer.from(refuted.join(''), 'base64url')
  const head = Buffer.alloc(HMAC_AT)
  MAGIC_AND_VERSION.copy(head)
  head[FLAGS_AT] = (pinned ? PINNED : 0) | (checked ? CHECKED : 0)
  head.writeUInt16LE(vector.length, 4)
  head.writeUInt16LE(Math.min(words.length, 0xffff), 6)
  const body = Buffer.concat([
    packExactKey(exact),
    asker === '' ? NO_ASKER : Buffer.from(asker, 'base64url'),
    Buffer.from(vector.buffer, vector.byteOffset, vector.length),
    Buffer.of(groups.length),
    names,
    Buffer.of(refuted.length),
    wrong,
    words,
    await encode(answer),
  ])
  const tooLarge =
    words.length > MAX_QUESTION_BYTES ||
    groups.length > MAX_GROUPS ||
    names.length !== groups.length * GROUP_BYTES ||
    (asker !== '' && Buffer.byteLength(asker, 'base64url') !== ASKER_BYTES) ||
    refuted.length > MAX_REFUTED ||
    wrong.length !== refuted.length * REFUTED_BYTES ||
    vector.length > MAX_DIMENSIONS ||
    body.length > MAX_BYTES
  return tooLarge
    ? undefined
    : Buffer.concat([head, signatureOf(secret, placeOf(name, generation, id), head, body), body])
}

/**
 * Verifies and decodes an entry. Returns `undefined` for any value that `seal` did not write with this secret, place
 * and generation.
 */
export async function unseal(
  { name, secret }: Partition,
  id: string,
  value: Buffer,
  generation: Generation | undefined,
): Promise<Sealed | undefined> {
  if (
    generation === undefined ||
    value.length < VECTOR_AT ||
    value.length > MAX_BYTES + BODY_AT ||
    !value.subarray(0, 3).equals(MAGIC_AND_VERSION)
  )
    return undefined
  const head = value.subarray(0, HMAC_AT)
  const body = value.subarray(BODY_AT)
  const place = placeOf(name, generation, id)
  if (!isSigned(value.subarray(HMAC_AT, BODY_AT), secret, place, head, body)) return undefined
  const groupsAt = VECTOR_OFFSET + value.readUInt16LE(4) + 1
  const refutedAt = groupsAt + (body[groupsAt - 1] ?? 0) * GROUP_BYTES + 1
  const questionAt = refutedAt + (body[refutedAt - 1] ?? 0) * REFUTED_BYTES
  const answerAt = questionAt + value.readUInt16LE(6)
  const answer = await decode(body.subarray(answerAt))
  if (answer === undefined) return undefined
  const flags = value[FLAGS_AT]
  const asker = body.subarray(EXACT_KEY_BYTES, VECTOR_OFFSET)
  return {
    question: body.toString('utf8', questionAt, answerAt),
    vector: new Int8Array(body.subarray(VECTOR_OFFSET, groupsAt - 1)),
    answer,
    groups: body.toString('base64url', groupsAt, refutedAt - 1).match(/.{12}/g) ?? [],
    refuted: body.toString('base64url', refutedAt, questionAt).match(/.{20}/g) ?? [],
    exact: unpackExactKey(name, body.subarray(0, EXACT_KEY_BYTES)),
    pinned: isPinned(flags),
    asker: asker.equals(NO_ASKER) ? '' : asker.toString('base64url'),
    checked: ((flags ?? 0) & CHECKED) !== 0,
  }
}

const placeOf = (name: string, generation: Generation, id: string) => `${name}\n${generation}\n${id}\n`
