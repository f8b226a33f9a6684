import { promisify } from 'node:util'
import { deflateRaw, deflateRawSync, inflateRaw, inflateRawSync } from 'node:zlib'
import { isReplayable } from '../body/replay.ts'
import { crc32, hash } from '../util/runtime.ts'
import { dictionary } from './dictionary.ts'
import type { CacheEntry } from './entry.ts'
import type { PurgeFilter } from './purge-filter.ts'

/**
 * Format of an entry in Redis: 4 bytes of type, 12 of attribute hashes, 4 of CRC-32 over the rest, then the deflated
 * entry:
 * - 'G' 'X' version encoding | team agent model | checksum | length of the JSON, JSON, text
 * - The attribute hashes let a purge select entries by their first bytes.
 */
// Version 2: entries of version 1 may hold words of a stream twice.
const MAGIC_AND_VERSION = Buffer.from('GX\x02')
const UTF8 = 0
const UTF16 = 1
const CHECKSUM_AT = 16
const BODY_AT = 20

/** Number of leading bytes that `mayMatch` needs. */
export const ATTRIBUTES_END = CHECKSUM_AT

/** Above this, deflating runs in the thread pool; below, the hand-over costs more than it saves. */
const ASYNC_BYTES = 32 * 1024

/** No entry written here inflates to more. */
const MAX_BODY_BYTES = 8 * 1024 * 1024

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
  const length = Buffer.alloc(4)
  length.writeUInt32LE(json.length)
  const body = Buffer.concat([length, json, Buffer.from(text, wellFormed ? 'utf8' : 'utf16le')])
  const packed = body.length > ASYNC_BYTES ? await deflateAsync(body, DEFLATE) : deflateRawSync(body, DEFLATE)
  const attributeHashes = [rest.team, rest.agent, rest.model].map(attributeHash)
  const head = Buffer.concat([MAGIC_AND_VERSION, Buffer.of(wellFormed ? UTF8 : UTF16), ...attributeHashes])
  const sum = Buffer.alloc(BODY_AT - CHECKSUM_AT)
  sum.writeUInt32LE(sumOf(head, packed))
  return Buffer.concat([head, sum, packed])
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
  try {
    const body =
      packed.length > ASYNC_BYTES ? await inflateAsync(packed, INFLATE) : inflateRawSync(packed, INFLATE)
    const textAt = 4 + body.readUInt32LE()
    const rest: unknown = JSON.parse(body.toString('utf8', 4, textAt))
    const text = body.toString(value[3] === UTF16 ? 'utf16le' : 'utf8', textAt)
    return isRest(rest) ? { ...rest, answerId: rest.answerId ?? undefined, text } : undefined
  } catch {
    return undefined
  }
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
  value.length >= ATTRIBUTES_END && value.subarray(0, 3).equals(MAGIC_AND_VERSION) && (value[3] ?? 2) <= UTF16

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
