import { decode, encode } from '../../cache/frame.ts'
import { isSigned, SIGNATURE_BYTES, signatureOf } from '../../cache/signature.ts'
import type { CacheEntry } from '../../cache/store.ts'
import type { Partition } from '../scope.ts'

/**
 * How an entry stands in Redis: vector, question and answer in one value, so that none of them is there without the
 * others.
 *
 *   'G' 'S' version pinned | dimensions | length of the question | HMAC | vector | how many groups | groups | question | answer, as the exact cache has it
 *
 * The HMAC is over everything else, the partition and the id: what was changed, made up or copied from elsewhere is not
 * ours, whoever wrote it to our Redis.
 */
const MAGIC_AND_VERSION = Buffer.from('GS\x02')
const HMAC_AT = 8
const BODY_AT = HMAC_AT + SIGNATURE_BYTES
const MAX_DIMENSIONS = 4_096
const MAX_QUESTION_BYTES = 4_000
const GROUP_BYTES = 9
const MAX_GROUPS = 255
const MAX_BYTES = 2 * 1024 * 1024

/** A year. */
export const PINNED_MS = 365 * 86_400_000

export type Sealed = {
  question: string
  vector: Int8Array
  answer: CacheEntry
  /** Each twelve characters of base64url. */
  groups: readonly string[]
  pinned: boolean
}

/** `undefined` for what is too large to be worth its room. */
export async function seal(
  { name, secret }: Partition,
  id: string,
  { question, vector, answer, groups, pinned }: Sealed,
): Promise<Buffer | undefined> {
  const words = Buffer.from(question)
  const names = Buffer.from(groups.join(''), 'base64url')
  const head = Buffer.alloc(HMAC_AT)
  MAGIC_AND_VERSION.copy(head)
  head[3] = pinned ? 1 : 0
  head.writeUInt16LE(vector.length, 4)
  head.writeUInt16LE(Math.min(words.length, 0xffff), 6)
  const body = Buffer.concat([
    Buffer.from(vector.buffer, vector.byteOffset, vector.length),
    Buffer.of(groups.length),
    names,
    words,
    await encode(answer),
  ])
  const tooLarge =
    words.length > MAX_QUESTION_BYTES ||
    groups.length > MAX_GROUPS ||
    names.length !== groups.length * GROUP_BYTES ||
    vector.length > MAX_DIMENSIONS ||
    body.length > MAX_BYTES
  return tooLarge
    ? undefined
    : Buffer.concat([head, signatureOf(secret, placeOf(name, id), head, body), body])
}

/** `undefined` for anything that `seal` has not written, with that secret, for that place. */
export async function unseal(
  { name, secret }: Partition,
  id: string,
  value: Buffer,
): Promise<Sealed | undefined> {
  if (
    value.length < BODY_AT ||
    value.length > MAX_BYTES + BODY_AT ||
    !value.subarray(0, 3).equals(MAGIC_AND_VERSION)
  )
    return undefined
  const head = value.subarray(0, HMAC_AT)
  const body = value.subarray(BODY_AT)
  if (!isSigned(value.subarray(HMAC_AT, BODY_AT), secret, placeOf(name, id), head, body)) return undefined
  const groupsAt = value.readUInt16LE(4) + 1
  const questionAt = groupsAt + (body[groupsAt - 1] ?? 0) * GROUP_BYTES
  const answerAt = questionAt + value.readUInt16LE(6)
  const answer = await decode(body.subarray(answerAt))
  if (answer === undefined) return undefined
  return {
    question: body.toString('utf8', questionAt, answerAt),
    vector: new Int8Array(body.subarray(0, groupsAt - 1)),
    answer,
    groups: namesIn(body.toString('base64url', groupsAt, questionAt)),
    pinned: value[3] === 1,
  }
}

const namesIn = (joined: string): string[] => joined.match(/.{12}/g) ?? []

const placeOf = (name: string, id: string) => `${name}\n${id}\n`
