import { hash } from 'node:crypto'

/** The same text gives the same bytes, always: ids, words and vectors are drawn from them. */
export const digest = (seed: string): Buffer => hash('sha256', seed, 'buffer')

/** A long text in short, for everything else to be drawn from: it is hashed once only. */
export const seedOf = (text: string): string => hash('sha256', text, 'hex')

export const idOf = (prefix: string, seed: string) =>
  `${prefix}${hash('sha256', `${prefix}${seed}`, 'hex').slice(0, 24)}`

/** Seconds since the epoch, somewhere in 2026. */
export const createdAt = (seed: string) => 1_767_225_600 + (digest(seed).readUInt32BE(0) % 20_000_000)

const WORDS =
  'the order ships on Monday and our team will follow up with a short summary of stock margin and traffic so that every customer gets a clear honest answer about returns sizes delivery prices and offers this week'.split(
    ' ',
  )

/** One to three sentences, between 8 and 40 words in all. */
export function prose(seed: string): string {
  const bytes = digest(seed)
  const length = 8 + ((bytes[0] ?? 0) % 33)
  const words = Array.from(
    { length },
    (_, at) => WORDS[((bytes[at % 32] ?? 0) + at * 7) % WORDS.length] ?? '',
  )
  const sentences: string[] = []
  // What is left over joins the last sentence: none is shorter than eight words.
  for (let at = 0; at < length; at += 16)
    if (length - at >= 8) sentences.push(sentence(words.slice(at, length - at < 24 ? length : at + 16)))
    else break
  return sentences.join(' ')
}

const sentence = (words: string[]) => {
  const said = words.join(' ')
  return `${said.charAt(0).toUpperCase()}${said.slice(1)}.`
}

/** A unit vector. */
export function vector(seed: string, dimensions: number): number[] {
  const values: number[] = []
  for (let block = 0; values.length < dimensions; block += 1) {
    const bytes = digest(`${seed}#${block}`)
    for (let at = 0; at < 32 && values.length < dimensions; at += 2)
      values.push(bytes.readInt16BE(at) / 32_768)
  }
  const length = Math.hypot(...values)
  return values.map((value) => Math.fround(value / length))
}
