import { type Answer, type Said, type SaidCall, wordsOf } from '../../core/answer.ts'
import { type Json, list, object, text } from '../../core/json.ts'
import type { Tokenizer } from '../../core/tokens.ts'
import { prose } from './deterministic.ts'
import type { Prompt } from './prompt.ts'
import { example } from './schema-example.ts'

/** The words of the script, or else the fake's own; the script's reason to stop and its usage with either. */
export function say(prompt: Prompt, scripted: Answer | undefined, choice: number, tokens: Tokenizer): Said {
  const { finishReason, usage } = scripted ?? {}
  return {
    ...((scripted && wordsOf(scripted)) ?? think(prompt, choice, tokens)),
    ...(finishReason === undefined ? {} : { finishReason }),
    ...(usage === undefined ? {} : { usage }),
  }
}

/** The same prompt gets the same answer, from every server, at every time. */
function think(prompt: Prompt, choice: number, tokens: Tokenizer): Said {
  const { last, schema } = prompt
  const seed = `${prompt.seed}|${choice}`
  if (!last.byTool && last.text.includes('[refuse]'))
    return { refusal: 'I am sorry, but I cannot help with that.' }
  const toolCalls = last.byTool ? [] : callTools(prompt, seed)
  if (toolCalls.length > 0) return { toolCalls }
  const said = schema === undefined ? prose(seed) : JSON.stringify(example(schema, seed))
  const told = last.byTool && schema === undefined
  return cut(told ? `The tool says: ${last.text.slice(0, 80)}. ${said}` : said, prompt, tokens)
}

/** The tools the prompt names, or the first; more than one only where that is allowed. */
function callTools({ tools, toolChoice, parallel, last }: Prompt, seed: string): SaidCall[] {
  const { mode, only } = choiceOf(toolChoice)
  if (mode === 'none') return []
  const offered = only === undefined ? tools : tools.filter(({ name }) => only.includes(name))
  const named = offered.filter(({ name }) => name !== '' && last.text.includes(name))
  const wanted = named.length > 0 ? named : mode === 'required' ? offered : offered.slice(0, 1)
  return (parallel ? wanted : wanted.slice(0, 1)).map(({ name, parameters, custom }) => ({
    name,
    arguments: custom
      ? prose(`${seed}${name}`)
      : JSON.stringify(example(parameters ?? { type: 'object' }, `${seed}/${name}`)),
    custom,
  }))
}

/** A mode; a function or custom tool by name, as chat or Responses put it; or a list of those allowed. */
function choiceOf(choice: Json | undefined): { mode: string; only: string[] | undefined } {
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

function cut(said: string, { maxTokens, reasoning }: Prompt, tokens: Tokenizer): Said {
  if (maxTokens === undefined) return { text: said }
  const limit = maxTokens - reasoning
  return tokens.count(said) <= limit
    ? { text: said }
    : { text: tokens.cut(said, limit), finishReason: 'length' }
}

/** Cut as a model would stream it: a word, with the space before it. */
export const pieces = (said: string): string[] => said.match(/\s*\S{1,12}|\s+$/gu) ?? []
