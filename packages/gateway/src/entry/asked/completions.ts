import { type JsonObject, list, object } from '../../core/json.ts'
import { areComplete, isWritten, wanted } from './count.ts'

/** As many texts as were asked for, none of them empty: `n` for each prompt. */
export function areWritten(body: JsonObject, { choices }: JsonObject): boolean {
  const { prompt } = body
  // A list of numbers is one prompt, in tokens.
  const prompts = Array.isArray(prompt) && typeof prompt[0] !== 'number' ? prompt.length : 1
  const each = wanted(body)
  const all = list(choices)
  return areComplete(all, each && each * prompts) && all.every((choice) => isWritten(object(choice).text))
}
