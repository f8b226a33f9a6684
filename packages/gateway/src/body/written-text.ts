import { isObject, type Json, type JsonObject, list, object, text } from '../core/json.ts'

/** Receives a piece of text that the model wrote, and where: pieces of the same place are one text. */
export type WrittenText = (place: string, piece: string) => void

/** Members without text of the model: types, ids, and content that others put into the answer. */
const NOT_WRITTEN = new Set([
  'role',
  'id',
  'type',
  'status',
  'call_id',
  'annotations',
  'logprobs',
  'encrypted_content',
])

/**
 * Passes every text in a value to `say`, with its place: content, refusals, reasoning, names and arguments of tools. Iterative:
 * JSON may be nested deeper than the stack allows.
 */
export function writeAll(value: Json | undefined, at: string, say: WrittenText): void {
  const left: [place: string, value: Json | undefined][] = [[at, value]]
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const [place, value] = next
    if (typeof value === 'string') say(place, value)
    else if (Array.isArray(value))
      for (let each = value.length - 1; each >= 0; each -= 1)
        left.push([`${place}.${indexOf(value[each], each)}`, value[each]])
    else if (isObject(value))
      for (const name of Object.keys(value).reverse())
        if (!NOT_WRITTEN.has(name)) left.push([`${place}.${name}`, value[name]])
  }
}

/** Returns the index that an item names, else its position. */
function indexOf(item: Json | undefined, position: number): number {
  const { index } = object(item)
  return typeof index === 'number' ? index : position
}

/** Passes the model's texts in a whole answer to `say`. Returns `false` if it has none of the known forms. */
export function writeWhole({ choices, output }: JsonObject, say: WrittenText): boolean {
  if (!Array.isArray(choices) && !Array.isArray(output)) return false
  list(choices).forEach((choice, at) => {
    const { message, text: said } = object(choice)
    writeAll(message, `${at}`, say)
    say(`${at}`, text(said))
  })
  writeAll(output, '', say)
  return true
}

/** Characters held for counting, more than any model writes. Beyond it only bytes are counted. */
const MOST_CHARS = 8 * 1024 * 1024

/** Collects the model's texts, to be counted one by one. */
export function createWritten() {
  const places = new Map<string, string>()
  let held = 0
  /** Bytes of texts that are not held. */
  let beyond = 0

  return {
    say(place: string, piece: string) {
      if (piece === '') return
      if (held + piece.length > MOST_CHARS) beyond += Buffer.byteLength(piece)
      else {
        held += piece.length
        places.set(place, (places.get(place) ?? '') + piece)
      }
    },
    texts: (): string[] => [...places.values()],
    beyond: () => beyond,
  }
}
