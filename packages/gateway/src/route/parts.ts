import type { Json, JsonObject, Operation } from '../call.ts'
import { isObject, isSet, list, object, text } from '../json.ts'
import { imageTokens } from './images.ts'

/** What a call puts before the model: texts to tokenise, and numbers of tokens that are known already. */
export type Part = string | number

const PER_MESSAGE = 3
const PER_NAME = 1
const REPLY = 3

/** By OpenAI's own formula for the gpt-4o family. Source: OpenAI cookbook, "How to count tokens with tiktoken". */
export function parts(operation: Operation, body: JsonObject): Part[] {
  if (operation === 'chat') {
    const messages = list(body.messages).flatMap((message) => ofMessage(object(message)))
    return [
      ...messages,
      REPLY,
      ...ofTools([...list(body.tools), ...list(body.functions)]),
      ...ofSchema(body.response_format),
    ]
  }
  if (operation === 'responses') {
    const said =
      typeof body.input === 'string'
        ? ofMessage({ role: 'user', content: body.input })
        : list(body.input).flatMap(ofItem)
    const told = isSet(body.instructions) ? ofMessage({ role: 'system', content: body.instructions }) : []
    return [...told, ...said, REPLY, ...ofTools(list(body.tools)), ...ofSchema(object(body.text).format)]
  }
  return ofPrompt(operation === 'embeddings' ? body.input : body.prompt)
}

function ofMessage(message: JsonObject): Part[] {
  const { role, name, content, tool_calls, function_call, refusal } = message
  const calls = [
    ...list(tool_calls).map((call) => object(call).function ?? object(call).custom),
    function_call,
  ]
  return [
    PER_MESSAGE,
    text(role),
    ...(typeof name === 'string' ? [name, PER_NAME] : []),
    ...ofContent(content),
    text(refusal),
    ...calls.flatMap((call) => [
      text(object(call).name),
      text(object(call).arguments),
      text(object(call).input),
    ]),
  ].filter((part) => part !== '')
}

/** Input items of the Responses API; those without a type are messages. */
function ofItem(item: Json): Part[] {
  const { type, role, content, name, arguments: args, input, output, summary } = object(item)
  if (isSet(role) || type === 'message') return ofMessage({ role: role ?? 'user', content: content ?? '' })
  return [
    PER_MESSAGE,
    text(name),
    text(args),
    text(input),
    ...ofContent(output),
    ...ofContent(summary),
  ].filter((part) => part !== '')
}

function ofContent(content: Json | undefined): Part[] {
  if (typeof content === 'string') return [content]
  return list(content).map((part): Part => {
    const { type, text: written, refusal, image_url, detail, input_audio, file } = object(part)
    if (type === 'image_url' || type === 'input_image') {
      const nested = object(image_url)
      return imageTokens(text(isObject(image_url) ? nested.url : image_url), text(nested.detail ?? detail))
    }
    if (isSet(input_audio)) return audioTokens(text(object(input_audio).data))
    if (isSet(file) || type === 'input_file')
      return text(object(file).file_data ?? object(part).file_data).length
    return text(written) || text(refusal)
  })
}

/** Ten tokens a second; base64 of the poorest speech codec in use, 6 kbit/s, has 1,000 characters a second. */
const audioTokens = (base64: string) => Math.ceil(base64.length / 100)

/** The tools' JSON, as OpenAI turns it into a declaration of about the same length. An estimate: the form is not published. */
function ofTools(tools: Json[]): Part[] {
  return tools.length === 0 ? [] : [9, ...tools.map((tool) => JSON.stringify(object(tool).function ?? tool))]
}

function ofSchema(format: Json | undefined): Part[] {
  const schema = object(format).json_schema ?? object(format).schema
  return isSet(schema) ? [JSON.stringify(schema)] : []
}

/** One text, several, one list of tokens, or several. */
function ofPrompt(prompt: Json | undefined): Part[] {
  if (typeof prompt === 'string') return [prompt]
  const items = list(prompt)
  if (items.every((item) => typeof item === 'number')) return [items.length]
  return items.map((item): Part => (typeof item === 'string' ? item : list(item).length))
}
