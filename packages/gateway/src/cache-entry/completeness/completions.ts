import { type JsonObject, list, object } from '../../core/json.ts'
import { areComplete, isNonBlank, requestedCount } from './count.ts'

/** Whether the answer has all requested texts (`n` for each prompt), none of them empty. */
export function hasAllTexts(body: JsonObject, { choices }: JsonObject): boolean {
  const { prompt } = body
  // A list of numbers is one prompt, in tokens.
  const prompts = Array.isArray(prompt) && typeof prompt[0] !== 'number' ? prompt.length : 1
  const each = requestedCount(body)
  const all = list(choices)
  return areComplete(all, each && each * prompts) && all.every((choice) => isNonBlank(object(choice).text))
}
