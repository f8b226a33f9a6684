import { hash } from 'node:crypto'

/** Returns the SHA-256 of a seed, from which ids, words and vectors are drawn. */
export const digest = (seed: string): Buffer => hash('sha256', seed, 'buffer')

/** Returns the SHA-256 of a text in hexadecimal, as a short seed: a long text is hashed once. */
export const seedOf = (text: string): string => hash('sha256', text, 'hex')

export const seededId = (prefix: string, seed: string) =>
  `${prefix}${hash('sha256', `${prefix}${seed}`, 'hex').slice(0, 24)}`

/** Returns a time in 2026, in seconds since the epoch. */
export const seededTimestamp = (seed: string) => 1_767_225_600 + (digest(seed).readUInt32BE(0) % 20_000_000)

const WORDS =
  'the order ships by courier and our team will follow up with a short summary of stock margin and traffic so that every customer gets a clear honest answer about returns sizes delivery prices and offers for members'.split(
    ' ',
  )

/** Returns one to three sentences, 8 to 40 words in all. */
export function seededText(seed: string): string {
  const bytes = digest(seed)
  const length = 8 + ((bytes[0] ?? 0) % 33)
  const words = Array.from(
    { length },
    (_, at) => WORDS[((bytes[at % 32] ?? 0) + at * 7) % WORDS.length] ?? '',
  )
  const sentences: string[] = []
  // A rest of fewer than eight words joins the last sentence.
  for (let at = 0; at < length; at += 16)
    if (length - at >= 8) sentences.push(sentence(words.slice(at, length - at < 24 ? length : at + 16)))
    else break
  return sentences.join(' ')
}

const sentence = (words: string[]) => {
  const joined = words.join(' ')
  return `${joined.charAt(0).toUpperCase()}${joined.slice(1)}.`
}

/** Returns a unit vector of 32-bit floats. */
export function seededVector(seed: string, dimensions: number): number[] {
  const values: number[] = []
  for (let block = 0; values.length < dimensions; block += 1) {
    const bytes = digest(`${seed}#${block}`)
    for (let at = 0; at < 32 && values.length < dimensions; at += 2)
      values.push(bytes.readInt16BE(at) / 32_768)
  }
  const length = Math.hypot(...values)
  return values.map((value) => Math.fround(value / length))
}
