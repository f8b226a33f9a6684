import { type JsonObject, list, object } from '../../core/json.ts'
import { promptCount } from '../../operations/prompt-count.ts'
import { areComplete, isNonBlank, requestedCount } from './count.ts'

/** Whether the answer has all requested texts (`n` for each prompt), none of them empty. */
export function hasAllTexts(body: JsonObject, { choices }: JsonObject): boolean {
  const { prompt } = body
  const prompts = promptCount(prompt)
  const each = requestedCount(body)
  const all = list(choices)
  return areComplete(all, each && each * prompts) && all.every((choice) => isNonBlank(object(choice).text))
}
