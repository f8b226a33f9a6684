import { isSet, type JsonObject, list, object, text } from '../../core/json.ts'
import { isImpersonal } from './personal-answer.ts'
import { plainText } from './plain-text.ts'

/** Tells whether an answer can be given to another asker: plain text, complete, and for all. */
export function isImpersonalAnswer(answer: JsonObject): boolean {
  const choices = list(answer.choices).map(object)
  const messages = choices.map(({ message }) => object(message))
  const items = list(answer.output).map(object)
  const parts = items.flatMap(({ content }) => list(content)).map(object)
  if (!choices.every(({ finish_reason }) => finish_reason === 'stop')) return false
  if (!messages.every(isPlain) || !items.every(({ type }) => type === 'message' || type === 'reasoning'))
    return false
  if (!parts.every(({ type }) => type === 'output_text' || type === 'summary_text')) return false
  const said = [...messages.map(({ content }) => text(content)), ...parts.map((part) => text(part.text))]
  return said.some((words) => words.trim() !== '') && said.every((words) => isImpersonal(plainText(words)))
}

const isPlain = ({ tool_calls, function_call, refusal, audio, content }: JsonObject) =>
  ![function_call, refusal, audio].some(isSet) && list(tool_calls).length === 0 && typeof content === 'string'
