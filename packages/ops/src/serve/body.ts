import type { IncomingMessage, ServerResponse } from 'node:http'
import { type ParsedBody, parseBody } from '@hotdash/llm-gateway/server'
import { bodyTooComplex, bodyTooLarge, type HttpError, httpErrors } from './errors.ts'

/** A request body, parsed once for the server and the gateway. `bytes`: its size on the wire. */
export type Body = ParsedBody & { bytes: number }

/** Upper bound for the bodies of all requests in flight together: 256 MiB. */
const MAX_HELD_BYTES = 256 * 1024 * 1024

/**
 * Creates a function that reads and parses a JSON body of up to `maxBytes` bytes.
 *
 * It resolves with an `HttpError` where the body is not JSON, too large or too complex, or where the bodies of all
 * requests together exceed `MAX_HELD_BYTES`. It rejects where the connection breaks.
 */
export function createBodyReader(maxBytes: number) {
  const maxHeldBytes = Math.max(MAX_HELD_BYTES, maxBytes)
  let heldBytes = 0

  return async function read(req: IncomingMessage, res: ServerResponse): Promise<Body | HttpError> {
    const { 'content-type': type = '', 'content-encoding': encoding, 'content-length': length } = req.headers
    // Browsers send `application/json` across origins only after a CORS preflight, which this server never grants.
    if (!/^application\/json\s*(;|$)/i.test(type) || encoding !== undefined)
      return httpErrors.unsupportedMediaType
    if (Number(length ?? 0) > maxBytes) return bodyTooLarge(maxBytes)
    if (heldBytes + Number(length ?? 0) > maxHeldBytes) return httpErrors.busy
    if (/^100-continue$/i.test(req.headers.expect ?? '')) res.writeContinue()
    let received = 0
    res.once('close', () => {
      heldBytes -= received
    })
    const chunks: Buffer[] = []
    for await (const chunk of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      received += chunk.length
      heldBytes += chunk.length
      if (received > maxBytes) return bodyTooLarge(maxBytes)
      if (heldBytes > maxHeldBytes) return httpErrors.busy
      chunks.push(chunk)
    }
    return parse(Buffer.concat(chunks))
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function parse(bytes: Buffer): Body | HttpError {
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch {
    return httpErrors.invalidJson
  }
  const body = parseBody(text)
  if (body === undefined) return httpErrors.invalidJson
  return 'excess' in body ? bodyTooComplex(body.excess) : { ...body, bytes: bytes.length }
}
