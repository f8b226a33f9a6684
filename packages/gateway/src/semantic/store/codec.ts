import { decode, encode } from '../../entry/codec.ts'
import type { CacheEntry } from '../../entry/entry.ts'
import { isSigned, SIGNATURE_BYTES, signatureOf } from '../../util/signature.ts'
import type { Partition } from '../query/partition.ts'
import type { Generation } from './generations.ts'

/**
 * How an entry stands in Redis: vector, question and answer in one value, so that none of them is there without the
 * others.
 *
 *   'G' 'S' version pinned | dimensions | length of the question | HMAC | twin | vector | how many groups | groups |
 *   how many refuted | refuted | question | answer, as the exact cache has it
 *
 * The HMAC is over everything else, the partition, its generation and the id: what was changed, made up, copied from
 * elsewhere or kept from before a purge is not the gateway's own, and is not used.
 */
const MAGIC_AND_VERSION = Buffer.from('GS\x03')
const HMAC_AT = 8
const BODY_AT = HMAC_AT + SIGNATURE_BYTES
const MAX_DIMENSIONS = 4_096
const MAX_QUESTION_BYTES = 4_000
const GROUP_BYTES = 9
const MAX_GROUPS = 255
const REFUTED_BYTES = 15
const MAX_REFUTED = 255
/** Its kind, and the digest in the key. */
const TWIN_BYTES = 33
const VECTOR_AT = BODY_AT + TWIN_BYTES
const MAX_BYTES = 2 * 1024 * 1024
export type Sealed = {
  question: string
  vector: Int8Array
  answer: CacheEntry
  /** Each twelve characters of base64url. */
  groups: readonly string[]
  /** Questions for which its answer was judged wrong, as `refutedId` names them. Once there are 255, it is not kept. */
  refuted: readonly string[]
  /** The key under which the exact cache has the same answer, or would have; empty: none. */
  exact: string
  pinned: boolean
}

/** Bytes by which one state of an entry can be told from any other: what comes before the end of its signature. */
export const STATE_BYTES = BODY_AT

/** Where the twin stands in a value: the first and the last byte. */
export const TWIN_AT = [BODY_AT, VECTOR_AT - 1] as const

const EXACT_KEY = /^gw:\{([^}]*)\}:x:([\w-]{43})$/
/** The tag of answers that all teams share. */
const SHARED = '*'

/** The exact key, without its team: that is the partition's. */
export function twinFrom(exact: string): Buffer {
  const [, tag, digest] = EXACT_KEY.exec(exact) ?? []
  if (digest === undefined) return Buffer.alloc(TWIN_BYTES)
  return Buffer.concat([Buffer.of(tag === SHARED ? 2 : 1), Buffer.from(digest, 'base64url')])
}

/** The exact key of an entry in this partition; nothing of it needs a secret. */
export function exactFrom(partition: string, twin: Buffer): string {
  const kind = twin.length === TWIN_BYTES ? twin[0] : 0
  if (kind !== 1 && kind !== 2) return ''
  const tag = kind === 2 ? SHARED : (/^gw:\{([^}]*)\}:/.exec(partition)?.[1] ?? '')
  return `gw:{${tag}}:x:${twin.toString('base64url', 1)}`
}

/** `undefined` for what is too large to be worth its room. */
export async function seal(
  { name, secret }: Partition,
  id: string,
  { question, vector, answer, groups, refuted, exact, pinned }: Sealed,
  generation: Generation,
): Promise<Buffer | undefined> {
  const words = Buffer.from(question)
  const names = Buffer.from(groups.join(''), 'base64url')
  const wrong = Buffer.from(refuted.join(''), 'base64url')
  const head = Buffer.alloc(HMAC_AT)
  MAGIC_AND_VERSION.copy(head)
  head[3] = pinned ? 1 : 0
  head.writeUInt16LE(vector.length, 4)
  head.writeUInt16LE(Math.min(words.length, 0xffff), 6)
  const body = Buffer.concat([
    twinFrom(exact),
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
    refuted.length > MAX_REFUTED ||
    wrong.length !== refuted.length * REFUTED_BYTES ||
    vector.length > MAX_DIMENSIONS ||
    body.length > MAX_BYTES
  return tooLarge
    ? undefined
    : Buffer.concat([head, signatureOf(secret, placeOf(name, generation, id), head, body), body])
}

/** `undefined` for anything that `seal` has not written, with that secret, for that place and generation. */
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
  const groupsAt = TWIN_BYTES + value.readUInt16LE(4) + 1
  const refutedAt = groupsAt + (body[groupsAt - 1] ?? 0) * GROUP_BYTES + 1
  const questionAt = refutedAt + (body[refutedAt - 1] ?? 0) * REFUTED_BYTES
  const answerAt = questionAt + value.readUInt16LE(6)
  const answer = await decode(body.subarray(answerAt))
  if (answer === undefined) return undefined
  return {
    question: body.toString('utf8', questionAt, answerAt),
    vector: new Int8Array(body.subarray(TWIN_BYTES, groupsAt - 1)),
    answer,
    groups: body.toString('base64url', groupsAt, refutedAt - 1).match(/.{12}/g) ?? [],
    refuted: body.toString('base64url', refutedAt, questionAt).match(/.{20}/g) ?? [],
    exact: exactFrom(name, body.subarray(0, TWIN_BYTES)),
    pinned: value[3] === 1,
  }
}

const placeOf = (name: string, generation: Generation, id: string) => `${name}\n${generation}\n${id}\n`
