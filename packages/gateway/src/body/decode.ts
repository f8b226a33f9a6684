import { pipeline, Readable, type Transform } from 'node:stream'
import zlib from 'node:zlib'
import { isInstance } from '../util/error-text.ts'
import type { ByteReader } from './upstream-response.ts'

// As `fetch` does: decodes what has arrived, and accepts a body without its end.
const { Z_SYNC_FLUSH, BROTLI_OPERATION_FLUSH } = zlib.constants
const ZLIB = { flush: Z_SYNC_FLUSH, finishFlush: Z_SYNC_FLUSH }
const BROTLI = { flush: BROTLI_OPERATION_FLUSH, finishFlush: BROTLI_OPERATION_FLUSH }

const gunzip = () => zlib.createGunzip(ZLIB)

/** Decoders by the names of `content-encoding`. Each gets the first bytes of the body. */
const DECODERS: Record<string, (first: Uint8Array) => Transform> = {
  gzip: gunzip,
  'x-gzip': gunzip,
  // Some servers leave the zlib header out.
  deflate: ([head = 0]) => ((head & 0x0f) === 0x08 ? zlib.createInflate(ZLIB) : zlib.createInflateRaw(ZLIB)),
  br: () => zlib.createBrotliDecompress(BROTLI),
}

const MOST_CODINGS = 5

/** Removes the codings from a body. A body with an unknown coding is returned unchanged. */
export function decoded(pieces: ByteReader, encoding: string | null): ByteReader {
  if (encoding === null) return pieces
  const codings = encoding.split(',').map((coding) => coding.trim().toLowerCase())
  if (codings.length > MOST_CODINGS || !codings.every((coding) => Object.hasOwn(DECODERS, coding)))
    return pieces
  const bytes = codings.reduceRight(through, bytesOf(pieces))
  return {
    async read() {
      try {
        const { done, value } = await bytes.next()
        return done ? { done: true } : { done: false, value }
      } catch (error) {
        void pieces.cancel(error)
        throw isTerminated(error) ? error : new TypeError('terminated', { cause: error })
      }
    },
    cancel: (reason) => pieces.cancel(reason),
  }
}

type Bytes = AsyncGenerator<Uint8Array, undefined>

async function* through(source: Bytes, coding: string): Bytes {
  const first = await source.next()
  const decoder = first.done ? undefined : DECODERS[coding]?.(first.value)
  if (first.done || decoder === undefined) return
  // An error reaches the reader of the decoder.
  pipeline(Readable.from(withFirst(first.value, source)), decoder, () => undefined)
  for await (const piece of decoder) yield new Uint8Array(piece as Buffer)
}

async function* withFirst(first: Uint8Array, rest: Bytes): Bytes {
  yield first
  yield* rest
}

async function* bytesOf(pieces: ByteReader): Bytes {
  for (;;) {
    const { done, value } = await pieces.read()
    if (done || value === undefined) return
    yield value
  }
}

const isTerminated = (error: unknown) => isInstance(error, TypeError) && error.message === 'terminated'
