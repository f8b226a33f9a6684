import { isObject, type JsonObject, parseObject } from '../core/json.ts'

/** Bytes kept of each end. Usage and its neighbours take less than 1 KiB. */
const EDGE_BYTES = 16 * 1024
/** Pieces of the end that are kept before they are joined: a body may arrive byte by byte. */
const MOST_PIECES = 512
/** Positions at which a member's name, or its end, is tried. */
const MOST_TRIES = 16

/**
 * Keeps the first and last bytes of a JSON body. The usage of a large answer is at one of its ends: it is found there without
 * parsing the vectors in between, whether the body was kept or not.
 */
export function createEdges() {
  const head: Uint8Array[] = []
  let headBytes = 0
  let tail: Uint8Array[] = []
  let tailBytes = 0

  return {
    push(bytes: Uint8Array) {
      if (headBytes < EDGE_BYTES) head.push(bytes)
      headBytes += bytes.byteLength
      if (bytes.byteLength >= EDGE_BYTES) {
        tail = [bytes]
        tailBytes = bytes.byteLength
        return
      }
      tail.push(bytes)
      tailBytes += bytes.byteLength
      if (tail.length < MOST_PIECES && tailBytes < 4 * EDGE_BYTES) return
      tail = [Buffer.concat(tail).subarray(-EDGE_BYTES)]
      tailBytes = EDGE_BYTES
    },
    /** Returns the outermost `usage` of the body, in an object with the members next to it. */
    usage(): JsonObject | undefined {
      const end = textOf(tail, -EDGE_BYTES)
      // A body that ends early may still hold the usage of its beginning.
      return usageAtEnd(end) ?? (end.trimEnd().endsWith('}') ? usageAtStart(textOf(head)) : undefined)
    },
  }
}

const NAME = '"usage"'

/** Text from a member's name to the end of the body completes to one object only for outermost members. */
function usageAtEnd(text: string): JsonObject | undefined {
  let at = text.lastIndexOf(NAME)
  for (let tries = 0; at !== -1 && tries < MOST_TRIES; tries += 1) {
    const rest = parseObject(`{${text.slice(at)}`)
    if (isObject(rest?.usage)) return rest
    if (at === 0) break
    at = text.lastIndexOf(NAME, at - 1)
  }
  return undefined
}

/** Text up to a member's name is closed by a single brace only for outermost members. */
function usageAtStart(text: string): JsonObject | undefined {
  const at = text.indexOf(NAME)
  if (at === -1 || parseObject(`${text.slice(0, at)}${NAME}:0}`) === undefined) return undefined
  let end = text.indexOf('}', at)
  for (let tries = 0; end !== -1 && tries < MOST_TRIES; tries += 1) {
    const rest = parseObject(`{${text.slice(at, end + 1)}}`)
    if (isObject(rest?.usage)) return rest
    end = text.indexOf('}', end + 1)
  }
  return undefined
}

const decoder = new TextDecoder()

const textOf = (pieces: readonly Uint8Array[], from = 0) =>
  decoder.decode((pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces)).subarray(from))
