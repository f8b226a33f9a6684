import { LRUCache } from 'lru-cache'
import type { Question } from './guard.ts'
import { questionOf } from './question.ts'

/** A few megabytes of questions that were read already. */
const MAX_QUESTIONS = 2_000
/** Some 150 bytes each: as many as there are in a large partition, whose questions are all compared sooner or later. */
const MAX_HASHED = 100_000
/** Longer ones are read again: what is kept of others' questions stays within some 40 MB. */
const MAX_HASHED_CHARACTERS = 200

/** Creates a reader that parses a question once while it is in use: neighbours of one question are neighbours of the next. */
export function createReader(): (text: string) => Question {
  const known = new LRUCache<string, Question>({ max: MAX_QUESTIONS })
  // By `maxSize`: with `max`, the cache would allocate all of its places at once.
  const hashes = new LRUCache<string, Uint32Array>({ maxSize: MAX_HASHED, sizeCalculation: () => 1 })

  function parse(text: string): Question {
    const remembered = hashes.get(text)
    const question = questionOf(text, remembered)
    if (remembered === undefined && text.length <= MAX_HASHED_CHARACTERS)
      hashes.set(text, question.wordHashes)
    return question
  }

  return function read(text) {
    const found = known.get(text)
    if (found !== undefined) return found
    const question = parse(text)
    known.set(text, question)
    return question
  }
}
