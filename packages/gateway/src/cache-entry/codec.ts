import { promisify } from 'node:util'
import { deflateRaw, deflateRawSync, inflateRaw, inflateRawSync } from 'node:zlib'
import { isReplayable } from '../body/replay.ts'
import { crc32, hash } from '../util/runtime.ts'
import { dictionary } from './dictionary.ts'
import type { CacheEntry } from './entry.ts'
import { createLz4 } from './lz4.ts'
import type { PurgeFilter } from './purge-filter.ts'

/**
 * Format of an entry in Redis: 4 bytes of type, 12 of attribute hashes, 4 of CRC-32 over the rest, then the compressed
 * body:
 * - 'G' 'X' version encoding | team agent model | checksum | length of the JSON, JSON, text
 * - The encoding has two bits: of the text, UTF-8 or UTF-16; of the body, deflated, or its length in 4 bytes and LZ4.
 * - The attribute hashes let a purge select entries by their first bytes.
 */
// Version 2: entries of version 1 may hold words of a stream twice.
const MAGIC_AND_VERSION = Buffer.from('GX\x02')
const UTF16 = 1
const LZ4 = 2
const CHECKSUM_AT = 16
const BODY_AT = 20

/** Number of leading bytes that `mayMatch` needs. */
export const ATTRIBUTES_END = CHECKSUM_AT

/**
 * Up to this length LZ4 compresses the body, a quarter worse than zlib and in a fifth of its time; most answers are
 * shorter. Above, each byte counts for more.
 */
const LZ4_BYTES = 4 * 1024
/** Above this, deflating runs in the thread pool; below, the hand-over costs more than it saves. */
const ASYNC_BYTES = 32 * 1024

/** No entry written here inflates to more. */
const MAX_BODY_BYTES = 8 * 1024 * 1024

const lz4 = createLz4(dictionary)

/** Level 3 is as fast as 1 on answers of usual length, and smaller. */
const DEFLATE = { level: 3, dictionary }
const INFLATE = { dictionary, maxOutputLength: MAX_BODY_BYTES }
const deflateAsync = promisify(deflateRaw)
const inflateAsync = promisify(inflateRaw)

/** Everything in an entry but its text. */
type Rest = Omit<CacheEntry, 'text'>

export async function encode({ text, ...rest }: CacheEntry): Promise<Buffer> {
  // UTF-8 cannot hold lone surrogates; a text with one is stored as UTF-16.
  const wellFormed = text.isWellFormed()
  const json = Buffer.from(JSON.stringify(rest satisfies Rest))
  const body = Buffer.concat([uint32(json.length), json, Buffer.from(text, wellFormed ? 'utf8' : 'utf16le')])
  const packed = body.length > ASYNC_BYTES ? await deflateAsync(body, DEFLATE) : pack(body)
  const encoding = (wellFormed ? 0 : UTF16) | (isShort(body.length) ? LZ4 : 0)
  const attributeHashes = [rest.team, rest.agent, rest.model].map(attributeHash)
  const head = Buffer.concat([MAGIC_AND_VERSION, Buffer.of(encoding), ...attributeHashes])
  return Buffer.concat([head, uint32(sumOf(head, packed)), packed])
}

/**
 * @param isSigned The signature covers every byte and has been verified, so that the checksum is skipped.
 * @returns `undefined` for anything that `encode` has not written.
 */
export async function decode(value: Buffer, isSigned = false): Promise<CacheEntry | undefined> {
  if (!hasFormat(value)) return undefined
  const packed = value.subarray(BODY_AT)
  if (
    value.length < BODY_AT ||
    (!isSigned && value.readUInt32LE(CHECKSUM_AT) !== sumOf(value.subarray(0, CHECKSUM_AT), packed))
  )
    return undefined
  const encoding = encodingOf(value)
  try {
    const body =
      packed.length > ASYNC_BYTES
        ? await inflateAsync(packed, INFLATE)
        : unpack(packed, (encoding & LZ4) !== 0)
    const textAt = 4 + body.readUInt32LE()
    const rest: unknown = JSON.parse(body.toString('utf8', 4, textAt))
    const text = body.toString((encoding & UTF16) === 0 ? 'utf8' : 'utf16le', textAt)
    return isRest(rest) ? { ...rest, answerId: rest.answerId ?? undefined, text } : undefined
  } catch {
    return undefined
  }
}

const isShort = (length: number) => length <= LZ4_BYTES

const pack = (body: Buffer): Buffer =>
  isShort(body.length)
    ? Buffer.concat([uint32(body.length), lz4.compress(body)])
    : deflateRawSync(body, DEFLATE)

/** @throws RangeError or an error of zlib, if `pack` has not written it. */
function unpack(packed: Buffer, isLz4: boolean): Buffer {
  if (!isLz4) return inflateRawSync(packed, INFLATE)
  const length = packed.readUInt32LE()
  if (!isShort(length)) throw new RangeError('An LZ4 body is longer than any that is written')
  return lz4.decompress(packed.subarray(4), length)
}

function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32LE(value)
  return bytes
}

/** Decides by the first bytes of a value. A value in another format matches every filter: it is useless in any case. */
export function mayMatch({ team, agent, model }: PurgeFilter, start: Buffer): boolean {
  if (!hasFormat(start)) return true
  return [team, agent, model].every(
    (wanted, at) =>
      wanted === undefined || attributeHash(wanted).equals(start.subarray(4 + 4 * at, 8 + 4 * at)),
  )
}

const hasFormat = (value: Buffer) =>
  value.length >= ATTRIBUTES_END &&
  value.subarray(0, 3).equals(MAGIC_AND_VERSION) &&
  encodingOf(value) <= (UTF16 | LZ4)

const encodingOf = (value: Buffer): number => value[MAGIC_AND_VERSION.length] ?? Number.POSITIVE_INFINITY

/** Detects accidental damage only: a writer with access to Redis can forge any checksum. */
const sumOf = (head: Buffer, packed: Buffer): number => crc32(packed, crc32(head))

const attributeHash = (name: string): Buffer => hash('sha256', name, 'buffer').subarray(0, 4)

/** The checksum holds, so this rejects entries of another version, or made by hand. */
function isRest(value: unknown): value is Rest {
  const rest = value as Partial<Rest> | null
  return (
    typeof rest === 'object' &&
    rest !== null &&
    [rest.model, rest.team, rest.agent].every((name) => typeof name === 'string') &&
    [rest.storedAt, rest.freshUntil, rest.keptUntil].every(Number.isFinite) &&
    typeof rest.untold === 'boolean' &&
    typeof rest.usage?.estimated === 'boolean' &&
    Object.values(rest.usage.usage ?? { none: undefined }).every(Number.isFinite) &&
    Array.isArray(rest.headers) &&
    rest.headers.every(
      (header) =>
        header.length === 2 && header.every((part) => typeof part === 'string') && isReplayable(header),
    )
  )
}
