import { readFileSync } from 'node:fs'
import { randomOf } from '../../random.ts'

/** What customers ask, in about 400 sentences. */
const file = new URL('../../fixtures/semantic/guard-pairs.json', import.meta.url)
const sentences = textsIn(JSON.parse(readFileSync(file, 'utf8')) as unknown)

function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return value.length > 15 ? [value] : []
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : []
}

/** Returns another prompt each time: real sentences in another order, so that no two calls have a long part in common. */
export function promptsOf(seed: number): (bytes: number) => string {
  const random = randomOf(seed)
  return (bytes) => {
    let text = `Ticket ${Math.floor(random() * 1e12)}. `
    while (text.length < bytes) text += `${sentences[Math.floor(random() * sentences.length)]} `
    return text.slice(0, bytes)
  }
}
