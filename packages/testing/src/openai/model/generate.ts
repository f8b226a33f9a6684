import { type Answer, type ResolvedAnswer, type ResolvedToolCall, resolveScript } from '../../core/answer.ts'
import { type Json, list, object, text } from '../../core/json.ts'
import type { Tokenizer } from '../../core/tokens.ts'
import { seededText } from './deterministic.ts'
import type { Prompt } from './prompt.ts'
import { generateExample } from './schema-example.ts'

/** Returns the words of the script, else generated ones; with the script's finish reason and usage, if set. */
export function resolveAnswer(
  prompt: Prompt,
  scripted: Answer | undefined,
  choice: number,
  tokens: Tokenizer,
): ResolvedAnswer {
  const { finishReason, usage } = scripted ?? {}
  return {
    ...((scripted && resolveScript(scripted)) ?? generateAnswer(prompt, choice, tokens)),
    ...(finishReason === undefined ? {} : { finishReason }),
    ...(usage === undefined ? {} : { usage }),
  }
}

/** Generates an answer from the prompt alone: the same on every server, at every time. */
function generateAnswer(prompt: Prompt, choice: number, tokens: Tokenizer): ResolvedAnswer {
  const { last, schema } = prompt
  const seed = `${prompt.seed}|${choice}`
  if (!last.fromTool && last.text.includes('[refuse]'))
    return { refusal: 'I am sorry, but I cannot help with that.' }
  const toolCalls = last.fromTool ? [] : generateToolCalls(prompt, seed)
  if (toolCalls.length > 0) return { toolCalls }
  const generated = schema === undefined ? seededText(seed) : JSON.stringify(generateExample(schema, seed))
  const quotesTool = last.fromTool && schema === undefined
  return truncate(
    quotesTool ? `The tool says: ${last.text.slice(0, 80)}. ${generated}` : generated,
    prompt,
    tokens,
  )
}

/** Calls the tools that the prompt names, else the first one; several only where parallel calls are allowed. */
function generateToolCalls({ tools, toolChoice, parallel, last }: Prompt, seed: string): ResolvedToolCall[] {
  const { mode, only } = parseToolChoice(toolChoice)
  if (mode === 'none') return []
  const offered = only === undefined ? tools : tools.filter(({ name }) => only.includes(name))
  const named = offered.filter(({ name }) => name !== '' && last.text.includes(name))
  const wanted = named.length > 0 ? named : mode === 'required' ? offered : offered.slice(0, 1)
  return (parallel ? wanted : wanted.slice(0, 1)).map(({ name, parameters, custom }) => ({
    name,
    arguments: custom
      ? seededText(`${seed}${name}`)
      : JSON.stringify(generateExample(parameters ?? { type: 'object' }, `${seed}/${name}`)),
    custom,
  }))
}

/** Parses `tool_choice`: a mode, one function or custom tool (in chat's or Responses' form), or a list of allowed tools. */
function parseToolChoice(choice: Json | undefined): { mode: string; only: string[] | undefined } {
  if (typeof choice === 'string') return { mode: choice, only: undefined }
  const given = object(choice)
  const nameOf = (tool: Json | undefined) =>
    text(object(object(tool).function ?? object(tool).custom).name) || text(object(tool).name)
  if (given.type === 'allowed_tools') {
    const allowed = object(given.allowed_tools ?? given)
    return { mode: text(allowed.mode), only: list(allowed.tools).map(nameOf) }
  }
  const name = nameOf(given)
  return { mode: 'auto', only: name === '' ? undefined : [name] }
}

function truncate(generated: string, { maxTokens, reasoning }: Prompt, tokens: Tokenizer): ResolvedAnswer {
  if (maxTokens === undefined) return { text: generated }
  const limit = maxTokens - reasoning
  return tokens.count(generated) <= limit
    ? { text: generated }
    : { text: tokens.truncate(generated, limit), finishReason: 'length' }
}

/** Splits a text as a model streams it: into words of up to 12 characters, each with the space before it. */
export const splitWords = (content: string): string[] => content.match(/\s*\S{1,12}|\s+$/gu) ?? []
