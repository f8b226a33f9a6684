import { type Json, type JsonObject, list, number, object, text } from '../../core/json.ts'
import { digest, seedOf } from './deterministic.ts'

export type Tool = { name: string; parameters: Json | undefined; custom: boolean }

/** A chat or Responses request, as the model sees it. */
export type Prompt = {
  model: string
  /** Everything said, for the answer to depend on; and what the answer is drawn from. */
  all: string
  seed: string
  /** The last thing said, and whether a tool said it. */
  last: { text: string; byTool: boolean }
  tools: Tool[]
  toolChoice: Json | undefined
  parallel: boolean
  /** A JSON Schema the answer must satisfy. */
  schema: Json | undefined
  maxTokens: number | undefined
  /** Tokens of hidden thought. */
  reasoning: number
}

const ANY_OBJECT: JsonObject = { type: 'object', properties: { answer: { type: 'string' } } }

export function chatPrompt(body: JsonObject): Prompt {
  const last = object(list(body.messages).at(-1))
  const format = object(body.response_format)
  const byTool = last.role === 'tool' || last.role === 'function'
  return {
    ...common(body, JSON.stringify(body.messages ?? ''), body.reasoning_effort),
    last: { text: contentText(last.content), byTool },
    tools: [...list(body.tools), ...list(body.functions)].map(toolOf),
    toolChoice: body.tool_choice ?? body.function_call,
    schema: schemaOf(format.type, object(format.json_schema).schema),
    maxTokens: positive(body.max_completion_tokens ?? body.max_tokens),
  }
}

export function responsesPrompt(body: JsonObject): Prompt {
  const last = object(typeof body.input === 'string' ? { content: body.input } : list(body.input).at(-1))
  const format = object(object(body.text).format)
  const byTool = text(last.type).endsWith('_output')
  const before = body.previous_response_id ? [body.previous_response_id] : []
  return {
    ...common(
      body,
      JSON.stringify([body.instructions ?? '', body.input ?? '', ...before]),
      object(body.reasoning).effort,
    ),
    last: { text: contentText(byTool ? last.output : last.content), byTool },
    tools: list(body.tools)
      .filter((tool) => /^(function|custom)$/.test(text(object(tool).type)))
      .map(toolOf),
    toolChoice: body.tool_choice,
    schema: schemaOf(format.type, format.schema),
    maxTokens: positive(body.max_output_tokens),
  }
}

function common(body: JsonObject, all: string, effort: Json | undefined) {
  const model = text(body.model)
  const seed = seedOf(`${model}|${all}`)
  // No more than half of what may be written is thought: there is always something to see.
  const limit = positive(body.max_completion_tokens ?? body.max_tokens ?? body.max_output_tokens)
  const thought = isReasoner(model) && effort !== 'none' ? 64 + ((digest(seed)[1] ?? 0) % 8) * 64 : 0
  const reasoning = limit === undefined ? thought : Math.min(thought, Math.floor(limit / 2))
  return { model, all, seed, reasoning, parallel: body.parallel_tool_calls !== false }
}

export const isReasoner = (model: string) => /^(o[134]|gpt-5)/.test(model)

export function contentText(content: Json | undefined): string {
  return typeof content === 'string'
    ? content
    : list(content)
        .map((part) => text(object(part).text))
        .join(' ')
}

export const positive = (value: Json | undefined) => {
  const given = number(value)
  return given !== undefined && given > 0 ? given : undefined
}

const schemaOf = (type: Json | undefined, schema: Json | undefined) =>
  type === 'json_schema' ? (schema ?? ANY_OBJECT) : type === 'json_object' ? ANY_OBJECT : undefined

function toolOf(tool: Json): Tool {
  const outer = object(tool)
  const inner = object(outer.function ?? outer.custom ?? tool)
  return { name: text(inner.name), parameters: inner.parameters, custom: outer.type === 'custom' }
}
