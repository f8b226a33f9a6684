import { type Json, type JsonObject, list, object, text } from '../../core/json.ts'

/** Whether an answer would have been right for the question; `personal`: it is for one person, or one moment, only. */
export type Verdict = boolean | 'personal'

const WORD = '(YES|NO|PERSONAL)'
const VERDICTS: Record<string, Verdict> = { YES: true, NO: false, PERSONAL: 'personal' }

/**
 * Reads a judge's answer: one choice that ended by itself, with one word for each cached answer and nothing else. The words stand in one line or
 * one a line, and may have commas between them, their numbers before them, and a full stop at the end. Anything else, in any language, is no
 * verdict: what was judged may have spoken in the judge's place.
 */
export function verdictsOf(answer: JsonObject, count: number): Verdict[] | undefined {
  const [choice, ...others] = list(answer.choices).map(object)
  if (choice === undefined || others.length > 0 || text(choice.finish_reason) !== 'stop') return undefined
  const { content, refusal, tool_calls, function_call } = object(choice.message)
  if (![refusal, tool_calls, function_call].every(isNothing)) return undefined
  return verdictsIn(text(content), count)
}

const isNothing = (member: Json | undefined) =>
  member === undefined || member === null || member === '' || (Array.isArray(member) && member.length === 0)

/** Reads the words of a reply; `undefined` if it has another form, or another number of them. */
export function verdictsIn(said: string, count: number): Verdict[] | undefined {
  const words = (before: (at: number) => string) =>
    Array.from({ length: count }, (_, at) => before(at) + WORD).join('(?:,? |,?\\r?\\n)')
  const form = new RegExp(`^(?:${words(() => '')}|${words((at) => `${at + 1}[.:)]? `)})\\.?[ \\r\\n]*$`, 'i')
  const found = form
    .exec(said)
    ?.slice(1)
    .filter((word) => word !== undefined)
  return found?.map((word) => VERDICTS[word.toUpperCase()] ?? false)
}
