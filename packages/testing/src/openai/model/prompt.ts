import { type Json, type JsonObject, list, number, object, text } from '../../core/json.ts'
import { contentText } from './content.ts'
import { digest, seedOf } from './deterministic.ts'
import { writtenSchema } from './written-schema.ts'

export type Tool = { name: string; parameters: Json | undefined; custom: boolean }

/** The parts of a chat or Responses request that determine the answer. */
export type Prompt = {
  model: string
  /** All messages as JSON. */
  transcript: string
  /** Hash of model and transcript, from which the answer is drawn. */
  seed: string
  /** The last message. `fromTool`: it is the output of a tool. */
  last: { text: string; fromTool: boolean }
  tools: Tool[]
  toolChoice: Json | undefined
  parallel: boolean
  /** JSON Schema that the answer must satisfy. */
  schema: Json | undefined
  maxTokens: number | undefined
  /** Number of reasoning tokens. */
  reasoning: number
}

const ANY_OBJECT: JsonObject = { type: 'object', properties: { answer: { type: 'string' } } }

export function chatPrompt(body: JsonObject): Prompt {
  const last = object(list(body.messages).at(-1))
  const format = object(body.response_format)
  const fromTool = last.role === 'tool' || last.role === 'function'
  return {
    ...common(body, JSON.stringify(body.messages ?? ''), body.reasoning_effort),
    last: { text: contentText(last.content), fromTool },
    tools: [...list(body.tools), ...list(body.functions)].map(toolOf),
    toolChoice: body.tool_choice ?? body.function_call,
    schema: schemaOf(
      format.type,
      object(format.json_schema).schema,
      format.schema ?? writtenSchema(body.messages),
    ),
    maxTokens: positiveNumber(body.max_completion_tokens ?? body.max_tokens),
  }
}

export function responsesPrompt(body: JsonObject): Prompt {
  const last = object(typeof body.input === 'string' ? { content: body.input } : list(body.input).at(-1))
  const format = object(object(body.text).format)
  const fromTool = text(last.type).endsWith('_output')
  const previous = body.previous_response_id ? [body.previous_response_id] : []
  return {
    ...common(
      body,
      JSON.stringify([body.instructions ?? '', body.input ?? '', ...previous]),
      object(body.reasoning).effort,
    ),
    last: { text: contentText(fromTool ? last.output : last.content), fromTool },
    tools: list(body.tools)
      .filter((tool) => /^(function|custom)$/.test(text(object(tool).type)))
      .map(toolOf),
    toolChoice: body.tool_choice,
    schema: schemaOf(format.type, format.schema),
    maxTokens: positiveNumber(body.max_output_tokens),
  }
}

function common(body: JsonObject, transcript: string, effort: Json | undefined) {
  const model = text(body.model)
  const seed = seedOf(`${model}|${transcript}`)
  // Reasoning takes at most half of the limit, so that some text remains.
  const limit = positiveNumber(body.max_completion_tokens ?? body.max_tokens ?? body.max_output_tokens)
  const wanted = isReasoningModel(model) && effort !== 'none' ? 64 + ((digest(seed)[1] ?? 0) % 8) * 64 : 0
  const reasoning = limit === undefined ? wanted : Math.min(wanted, Math.floor(limit / 2))
  return { model, transcript, seed, reasoning, parallel: body.parallel_tool_calls !== false }
}

export const isReasoningModel = (model: string) => /^(o[134]|gpt-5)/.test(model)

export const positiveNumber = (value: Json | undefined) => {
  const given = number(value)
  return given !== undefined && given > 0 ? given : undefined
}

/** @param written Schema in the prompt or beside `json_object`, which other providers follow. */
const schemaOf = (type: Json | undefined, schema: Json | undefined, written?: Json) =>
  type === 'json_schema' ? (schema ?? ANY_OBJECT) : type === 'json_object' ? (written ?? ANY_OBJECT) : written

function toolOf(tool: Json): Tool {
  const outer = object(tool)
  const inner = object(outer.function ?? outer.custom ?? tool)
  return { name: text(inner.name), parameters: inner.parameters, custom: outer.type === 'custom' }
}
