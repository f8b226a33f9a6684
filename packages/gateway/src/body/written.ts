import { isObject, type Json, type JsonObject, list, object, text } from '../core/json.ts'

/** Told of a piece of text that the model wrote, and of the place it wrote it to: pieces of one place are one text. */
export type WrittenText = (place: string, piece: string) => void

/** Members that hold no text of the model's: names of kinds, ids, and what others have put into the answer. */
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
 * Every text in a value, each at its own place: content, refusals, reasoning, names and arguments of tools. By a list of
 * its own: what upstream nests may be deeper than a stack is.
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

/** Pieces of a list tell which of its items they belong to. */
function indexOf(item: Json | undefined, position: number): number {
  const { index } = object(item)
  return typeof index === 'number' ? index : position
}

/** What a whole answer has of the model's own; false: nothing of the kind can be found in it. */
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

/** Characters that are held for counting: more than any model writes. Of the rest the bytes are known. */
const MOST_CHARS = 8 * 1024 * 1024

/** What was written, to be counted text by text. */
export function createWritten() {
  const places = new Map<string, string>()
  let held = 0
  /** Bytes that are not held. */
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
