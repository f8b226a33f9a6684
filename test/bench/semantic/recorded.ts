import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type Embedder, normalised } from '#src/semantic/embedding/embedder.ts'
import { ownParaphrases, ownQuestions, ownTraps } from './data.ts'

export const DIMENSIONS = 512
export const RECORDED = new URL('../../fixtures/semantic/vectors.bin', import.meta.url)
/** Components lie within a third of this; so an int8 holds them to 0.4 % of a cosine. */
export const SCALE = 400

/** What is recorded, in order: our questions, and the held-out pairs. */
export function recordedTexts(): string[] {
  const pairs = [...ownTraps('heldOut'), ...ownParaphrases('heldOut')]
  return [...new Set([...ownQuestions().texts, ...pairs.flatMap(({ asked, cached }) => [asked, cached])])]
}

/** The first bytes of the file: that it was made for these texts. */
export const stamp = (texts: readonly string[]) => createHash('sha256').update(JSON.stringify(texts)).digest()

/** The local embedder as it answered once: so tests need no model. Knows the recorded texts only. */
export function createRecordedEmbedder(): Embedder {
  const texts = recordedTexts()
  const file = readFileSync(RECORDED)
  const head = stamp(texts)
  if (!file.subarray(0, head.length).equals(head))
    throw new Error('texts have changed: node test/bench/semantic/make-vectors.ts')
  const at = new Map(texts.map((text, place) => [text, head.length + place * DIMENSIONS]))
  return {
    id: 'use-lite-en-0.2.0-512',
    dimensions: DIMENSIONS,
    async embed(texts) {
      return texts.map((text) => {
        const from = at.get(text)
        if (from === undefined) throw new Error(`not recorded: ${text}`)
        return normalised(new Int8Array(file.subarray(from, from + DIMENSIONS)))
      })
    },
  }
}
