import type { IncomingMessage, ServerResponse } from 'node:http'
import { type ParsedBody, parseBody } from '@hotdash/llm-gateway/server'
import { type Problem, problems, tooComplex, tooLarge } from './errors.ts'

/** A body, parsed once: the gateway goes by the same result. */
export type Body = ParsedBody & { bytes: number }

/** Bodies being read or answered, of all requests together. */
const MAX_HELD_BYTES = 256 * 1024 * 1024

/** Reads bodies whole, each up to `maxBytes` and all of them up to what this process can hold. */
export function createBodyReader(maxBytes: number) {
  const maxHeld = Math.max(MAX_HELD_BYTES, maxBytes)
  let held = 0

  return async function read(req: IncomingMessage, res: ServerResponse): Promise<Body | Problem> {
    const { 'content-type': type = '', 'content-encoding': encoding, 'content-length': length } = req.headers
    // Required: a web page can send anything else anywhere without being asked.
    if (!/^application\/json\s*(;|$)/i.test(type) || encoding !== undefined) return problems.notJson
    if (Number(length ?? 0) > maxBytes) return tooLarge(maxBytes)
    if (held + Number(length ?? 0) > maxHeld) return problems.busy
    if (/^100-continue$/i.test(req.headers.expect ?? '')) res.writeContinue()
    let own = 0
    res.once('close', () => {
      held -= own
    })
    const pieces: Buffer[] = []
    for await (const piece of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      own += piece.length
      held += piece.length
      if (own > maxBytes) return tooLarge(maxBytes)
      if (held > maxHeld) return problems.busy
      pieces.push(piece)
    }
    return parsed(Buffer.concat(pieces))
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function parsed(bytes: Buffer): Body | Problem {
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch {
    return problems.badJson
  }
  const body = parseBody(text)
  if (body === undefined) return problems.badJson
  return 'excess' in body ? tooComplex(body.excess) : { ...body, bytes: bytes.length }
}
