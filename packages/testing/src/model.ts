import { digest, prose } from './deterministic.ts'
import { type Json, type JsonObject, list, object, text } from './json.ts'
import { example } from './schema.ts'

export type ToolCall = { name: string; arguments: string; custom?: boolean }

/** What the fake model says to a request. A test can script any part of it. */
export type Answer = {
  text?: string
  refusal?: string
  toolCalls?: ToolCall[]
  /** Chat's word for why it stopped. @default 'stop', or 'tool_calls' */
  finishReason?: 'stop' | 'length' | 'tool_calls' | 'content_filter'
  /** Counted from the texts unless given. */
  usage?: { input?: number; output?: number; cached?: number; reasoning?: number }
}

/** A chat or Responses request, as the model sees it. */
export type Prompt = {
  model: string
  /** The last thing said, and whether a tool said it. */
  last: { text: string; byTool: boolean }
  /** Everything said, for the answer to depend on. */
  all: string
  tools: { name: string; parameters: Json | undefined; custom: boolean }[]
  toolChoice: Json | undefined
  parallel: boolean
  /** A JSON Schema the answer must satisfy; `{}`: any JSON object. */
  schema: Json | undefined
  maxTokens: number | undefined
}

/** The same prompt gets the same answer, from every server, at every time. */
export function think(prompt: Prompt, choice: number): Answer {
  const seed = `${prompt.model}|${prompt.all}|${choice}`
  if (prompt.last.text.includes('[refuse]')) return { refusal: 'I am sorry, but I cannot help with that.' }
  const toolCalls = prompt.last.byTool ? [] : callTools(prompt, seed)
  if (toolCalls.length > 0) return { toolCalls }
  const said = prompt.schema === undefined ? prose(seed) : JSON.stringify(example(prompt.schema, seed))
  return cut(
    prompt.last.byTool ? `The tool says: ${prompt.last.text.slice(0, 80)}. ${said}` : said,
    prompt.maxTokens,
  )
}

/** The tools the prompt names, or the first; more than one only where that is allowed. */
function callTools({ tools, toolChoice, parallel, last }: Prompt, seed: string): ToolCall[] {
  if (tools.length === 0 || toolChoice === 'none') return []
  const forced = text(object(object(toolChoice).function).name) || text(object(toolChoice).name)
  const named = tools.filter(({ name }) => (forced === '' ? last.text.includes(name) : name === forced))
  const wanted = named.length > 0 ? named : toolChoice === 'required' ? tools : tools.slice(0, 1)
  return (parallel ? wanted : wanted.slice(0, 1)).map(({ name, parameters, custom }) =>
    custom
      ? { name, arguments: prose(`${seed}${name}`), custom }
      : { name, arguments: JSON.stringify(example(parameters ?? { type: 'object' }, `${seed}/${name}`)) },
  )
}

/** A token is about four characters. */
function cut(said: string, maxTokens: number | undefined): Answer {
  if (maxTokens === undefined || said.length <= maxTokens * 4) return { text: said }
  return { text: said.slice(0, maxTokens * 4), finishReason: 'length' }
}

/** Cut as a model would stream it: a word, with the space before it. */
export const pieces = (said: string): string[] => said.match(/\s*\S{1,12}|\s+$/g) ?? []

export function chatPrompt(body: JsonObject): Prompt {
  const messages = list(body.messages).map(object)
  const last = messages.at(-1) ?? {}
  const format = object(body.response_format)
  return {
    ...common(body),
    last: { text: contentText(last.content), byTool: last.role === 'tool' || last.role === 'function' },
    all: JSON.stringify(body.messages ?? ''),
    tools: [...list(body.tools).map(toolOf), ...list(body.functions).map(toolOf)],
    schema:
      format.type === 'json_schema'
        ? object(format.json_schema).schema
        : format.type === 'json_object'
          ? ANY
          : undefined,
    maxTokens: positive(body.max_completion_tokens ?? body.max_tokens),
  }
}

export function responsesPrompt(body: JsonObject): Prompt {
  const items =
    typeof body.input === 'string' ? [{ role: 'user', content: body.input }] : list(body.input).map(object)
  const last = items.at(-1) ?? {}
  const byTool = text(last.type).endsWith('_output')
  const format = object(object(body.text).format)
  return {
    ...common(body),
    last: { text: byTool ? contentText(last.output) : contentText(last.content), byTool },
    all: JSON.stringify([body.instructions ?? '', body.input ?? '']),
    tools: list(body.tools)
      .filter((tool) => /^(function|custom)$/.test(text(object(tool).type)))
      .map(toolOf),
    schema: format.type === 'json_schema' ? format.schema : format.type === 'json_object' ? ANY : undefined,
    maxTokens: positive(body.max_output_tokens),
  }
}

const ANY: JsonObject = { type: 'object', properties: { answer: { type: 'string' } } }

const common = (body: JsonObject) => ({
  model: text(body.model),
  toolChoice: body.tool_choice,
  parallel: body.parallel_tool_calls !== false,
})

function toolOf(tool: Json): Prompt['tools'][number] {
  const outer = object(tool)
  const inner = object(outer.function ?? outer.custom ?? tool)
  return { name: text(inner.name), parameters: inner.parameters, custom: outer.type === 'custom' }
}

export function contentText(content: Json | undefined): string {
  return typeof content === 'string'
    ? content
    : list(content)
        .map((part) => text(object(part).text))
        .join(' ')
}

const positive = (value: Json | undefined) => (typeof value === 'number' && value > 0 ? value : undefined)

export const isReasoner = (model: string) => /^(o[1-9]|gpt-5)/.test(model)

/** Thinking is not shown, only counted. */
export const reasoningTokens = (model: string, seed: string) =>
  isReasoner(model) ? 64 + ((digest(seed)[1] ?? 0) % 8) * 64 : 0
