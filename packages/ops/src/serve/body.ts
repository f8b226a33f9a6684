import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Problem, problems, tooLarge } from './errors.ts'
import { isObject, type JsonObject } from './json.ts'

export type Body = { text: string; json: JsonObject; bytes: number }

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
  try {
    const text = utf8.decode(bytes)
    const json: unknown = JSON.parse(text)
    return isObject(json) ? { text, json, bytes: bytes.length } : problems.badJson
  } catch {
    return problems.badJson
  }
}
