import type { Question } from './guard.ts'
import { questionOf } from './question.ts'

/** A few megabytes of questions that were read already. */
const REMEMBERED = 2_000
/** Some 150 bytes each: as many as there are in a large partition, whose questions are all compared sooner or later. */
const MARKED = 100_000
/** Longer ones are read again: what is kept of others' questions stays within some 40 MB. */
const MARKED_CHARACTERS = 200

/** Reads questions, each once as long as it is asked about: twenty are near most questions, and the same ones again. */
export function createReader(): (text: string) => Question {
  const known = new Map<string, Question>()
  const marks = new Map<string, Uint32Array>()

  function readNow(text: string): Question {
    const remembered = marks.get(text)
    const question = questionOf(text, remembered)
    if (remembered !== undefined || text.length > MARKED_CHARACTERS) return question
    marks.set(text, question.marks)
    forgetOldest(marks, MARKED)
    return question
  }

  return function read(text) {
    const question = known.get(text) ?? readNow(text)
    known.delete(text)
    known.set(text, question)
    forgetOldest(known, REMEMBERED)
    return question
  }
}

function forgetOldest(map: Map<string, unknown>, most: number) {
  const [oldest] = map.size > most ? map.keys() : []
  if (oldest !== undefined) map.delete(oldest)
}
