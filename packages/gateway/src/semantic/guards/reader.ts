import { LRUCache } from 'lru-cache'
import type { Question } from './guard.ts'
import { questionOf } from './question.ts'

/** Parsed questions kept (LRU), a few megabytes. */
const MAX_QUESTIONS = 2_000
/**
 * Questions with cached word hashes (LRU), about 150 bytes each: as many as a large partition has, since all of them
 * are compared sooner or later.
 */
const MAX_HASHED = 100_000
/** Longest question with cached hashes: the cache stays within about 40 MB. */
const MAX_HASHED_CHARACTERS = 200

/** Creates a reader that parses a question once while it is in use: neighbours of one question are neighbours of the next. */
export function createReader(): (text: string) => Question {
  const known = new LRUCache<string, Question>({ max: MAX_QUESTIONS })
  // With `max`, lru-cache allocates all slots at once; with `maxSize` it grows.
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
