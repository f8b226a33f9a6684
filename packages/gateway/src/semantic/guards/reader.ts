import type { Question } from './guard.ts'
import { questionOf } from './question.ts'

/** A few megabytes of questions that were read already. */
const REMEMBERED = 2_000

/** Reads questions, each once as long as it is asked about: twenty are near most questions, and the same ones again. */
export function createReader(): (text: string) => Question {
  const known = new Map<string, Question>()
  return function read(text) {
    const question = known.get(text) ?? questionOf(text)
    known.delete(text)
    known.set(text, question)
    const [oldest] = known.size > REMEMBERED ? known.keys() : []
    if (oldest !== undefined) known.delete(oldest)
    return question
  }
}
