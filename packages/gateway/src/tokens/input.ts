import { isObject, isSet, type Json, type JsonObject, list, object, text } from '../core/json.ts'
import type { Operation } from '../core/operation.ts'
import { OPERATIONS } from '../operations/operations.ts'
import { imageTokens } from './images.ts'

/** Input of a call: texts to tokenise, and a number of tokens that is already known. */
export type Input = { texts: string[]; fixed: number }

const PER_MESSAGE = 3
const PER_NAME = 1
const REPLY = 3

/**
 * Collects everything but tools and schemas, by OpenAI's formula for the gpt-4o family. Source: OpenAI cookbook, "How
 * to count tokens with tiktoken".
 */
export function inputOf(operation: Operation, body: JsonObject): Input {
  const input: Input = { texts: [], fixed: 0 }
  const { kind, member } = OPERATIONS[operation].input
  if (kind === 'prompts') {
    addPrompt(input, body[member])
    return input
  }
  if (member === 'messages') for (const message of list(body.messages)) addMessage(input, object(message))
  else {
    if (isSet(body.instructions)) addMessage(input, { role: 'system', content: body.instructions })
    if (typeof body.input === 'string') addMessage(input, { role: 'user', content: body.input })
    for (const item of list(body.input)) addItem(input, object(item))
  }
  input.fixed += REPLY
  return input
}

export function addText(input: Input, value: Json | undefined): void {
  if (typeof value === 'string' && value !== '') input.texts.push(value)
}

function addMessage(input: Input, message: JsonObject): void {
  const { role, name, content, tool_calls, function_call, refusal } = message
  input.fixed += PER_MESSAGE
  addText(input, role)
  if (typeof name === 'string') {
    addText(input, name)
    input.fixed += PER_NAME
  }
  addContent(input, content)
  addText(input, refusal)
  if (isSet(function_call)) addCall(input, object(function_call))
  for (const call of list(tool_calls)) addCall(input, object(object(call).function ?? object(call).custom))
}

function addCall(input: Input, call: JsonObject): void {
  addText(input, call.name)
  addText(input, call.arguments)
  addText(input, call.input)
}

/** Adds an input item of the Responses API; one without a type is a message. */
function addItem(input: Input, item: JsonObject): void {
  const { type, role, content, output, summary } = item
  if (isSet(role) || type === 'message') {
    addMessage(input, { role: role ?? 'user', content: content ?? '' })
    return
  }
  input.fixed += PER_MESSAGE
  addCall(input, item)
  addContent(input, output)
  addContent(input, summary)
}

function addContent(input: Input, content: Json | undefined): void {
  if (typeof content === 'string') {
    addText(input, content)
    return
  }
  for (const part of list(content)) {
    const { type, text: written, refusal, image_url, detail, input_audio, file, file_data } = object(part)
    if (type === 'image_url' || type === 'input_image') {
      const nested = object(image_url)
      const url = text(isObject(image_url) ? nested.url : image_url)
      input.fixed += imageTokens(url, text(nested.detail ?? detail))
    } else if (isSet(input_audio)) input.fixed += audioTokens(text(object(input_audio).data))
    else if (isSet(file) || type === 'input_file')
      input.fixed += text(object(file).file_data ?? file_data).length
    else addText(input, text(written) || refusal)
  }
}

/** Ten tokens a second; at the lowest speech bit rate in use, 6 kbit/s, base64 has 1,000 characters a second. */
export const audioTokens = (base64: string) => Math.ceil(base64.length / 100)

/** Accepts one text, several, one list of tokens, or several. */
function addPrompt(input: Input, prompt: Json | undefined): void {
  if (typeof prompt === 'string') {
    addText(input, prompt)
    return
  }
  for (const item of list(prompt)) {
    if (typeof item === 'string') addText(input, item)
    else input.fixed += typeof item === 'number' ? 1 : list(item).length
  }
}
