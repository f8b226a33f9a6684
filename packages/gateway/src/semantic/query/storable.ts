import { isSet, type JsonObject, list, object, text } from '../../core/json.ts'
import { maskPersonal, maskSecrets } from '../../util/redact.ts'

/** Tells whether an answer can be given to another asker: plain text, complete, and not addressed to a person. */
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
  return said.some((words) => words.trim() !== '') && said.every(isImpersonal)
}

const isPlain = ({ tool_calls, function_call, refusal, audio, content }: JsonObject) =>
  ![function_call, refusal, audio].some(isSet) && list(tool_calls).length === 0 && typeof content === 'string'

const isImpersonal = (words: string) => maskPersonal(maskSecrets(words)) === words && !ADDRESSES.test(words)

/** Addressed to a person by name, or about the person's own things. */
const ADDRESSES =
  /^\s*(?:dear|hi|hello|hey) (?!there\b|everyone\b|customer\b)[A-Z]\w+|\byour (?:order|balance|ticket|booking|payment|refund|parcel|delivery|account) (?:is|was|has|will be|number)\b/
