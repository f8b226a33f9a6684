import { isDeepStrictEqual } from 'node:util'
import { isObject, isSet, type Json, type JsonObject } from '../core/json.ts'
import { addTool, type Tools, toolsOf } from './chat-tools.ts'
import { addEnvelope, inOrder, isIndex } from './chunks.ts'
import { own, saidOnce, set, sure, text, whereSure } from './sure.ts'

type Choice = {
  role: string | undefined
  content: string | undefined
  refusal: string | undefined
  call: { name: string; arguments: string | undefined } | undefined
  tools: Tools | undefined
  /** Unknown members of the message. */
  others: JsonObject
  logprobs: JsonObject | undefined
  finish: string | undefined
  /** Unknown members of the choice. */
  rest: JsonObject
}

/** Limit of the API, for choices and for the calls in each. The SDK throws beyond it. */
const MOST_CHOICES = 128

/**
 * Assembles the completion of a stream's chunks, as the SDK's accumulator does (`ChatCompletionStream`, openai 7.57).
 * @returns `undefined` if joining the texts of the chunks gives another result, if the SDK throws, or if a choice has no
 * end. Such a stream is passed on as it came and never stored.
 */
export function sumOf(chunks: readonly JsonObject[]): JsonObject | undefined {
  return whereSure(() => {
    const envelope: JsonObject = {}
    const choices = new Map<number, Choice>()
    chunks.forEach((chunk, at) => {
      const { choices: items, object: _, obfuscation: __, ...rest } = chunk
      addEnvelope(envelope, rest, at === 0)
      sure(Array.isArray(items))
      for (const item of items) addChoice(choices, item)
    })
    const { id, created, model, usage, ...rest } = envelope
    return {
      ...present({ id, object: 'chat.completion', created, model }),
      choices: inOrder(choices).map(whole),
      ...rest,
      ...(isSet(usage) ? { usage } : {}),
    }
  })
}

const present = (members: Record<string, Json | undefined>) =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as JsonObject

function addChoice(choices: Map<number, Choice>, item: Json) {
  sure(isObject(item))
  const { index, delta, finish_reason, logprobs, ...rest } = item
  sure(isIndex(index, MOST_CHOICES) && !Object.hasOwn(rest, 'message'))
  const choice = choices.get(index) ?? begun()
  choices.set(index, choice)
  const finish = text(finish_reason)
  // An empty `finish_reason` ends no choice.
  if (finish) choice.finish = finish
  if (isSet(logprobs)) choice.logprobs = addLogprobs(choice.logprobs, logprobs)
  for (const [name, value] of Object.entries(rest)) {
    sure(value !== null || !isSet(own(choice.rest, name)))
    set(choice.rest, name, value)
  }
  if (isSet(delta)) addDelta(choice, delta)
}

const begun = (): Choice => ({
  role: undefined,
  content: undefined,
  refusal: undefined,
  call: undefined,
  tools: undefined,
  others: {},
  logprobs: undefined,
  finish: undefined,
  rest: {},
})

function addDelta(choice: Choice, delta: Json) {
  sure(isObject(delta))
  const { role, content, refusal, function_call, tool_calls, audio, ...others } = delta
  sure(!isSet(audio))
  choice.role = text(role) || choice.role
  const said = text(content)
  if (said !== undefined) choice.content = (choice.content ?? '') + said
  const refused = text(refusal)
  if (refused) choice.refusal = (choice.refusal ?? '') + refused
  if (isSet(function_call)) addCall(choice, function_call)
  if (isSet(tool_calls)) {
    sure(Array.isArray(tool_calls))
    choice.tools ??= new Map()
    for (const call of tool_calls) addTool(choice.tools, call)
  }
  for (const [name, value] of Object.entries(others)) addOther(choice.others, name, value)
}

/**
 * Adds an unknown member. Of a repeated one the SDK keeps the last value, while other readers join texts
 * (`reasoning_content`) and lists: only repetitions that give both the same result are accepted.
 */
function addOther(into: JsonObject, name: string, value: Json) {
  const known = own(into, name)
  // A whole message always has this list, so it cannot express that a stream sent it empty or as another type.
  sure(name !== 'annotations' || (Array.isArray(value) && value.length > 0))
  if (!isSet(known)) set(into, name, value)
  else sure(known === value && (typeof value !== 'string' || value === ''))
}

/** Adds a `function_call`, the deprecated form of a single tool call. */
function addCall(choice: Choice, value: Json) {
  sure(isObject(value))
  const { name, arguments: given, ...rest } = value
  sure(Object.keys(rest).length === 0)
  choice.call ??= { name: '', arguments: undefined }
  const { call } = choice
  call.name = saidOnce(call.name, text(name))
  const more = text(given)
  if (more !== undefined) call.arguments = (call.arguments ?? '') + more
}

function addLogprobs(known: JsonObject | undefined, value: Json): JsonObject {
  sure(isObject(value))
  const into: JsonObject = known ?? {}
  for (const [name, item] of Object.entries(value)) {
    const before = own(into, name)
    if (name !== 'content' && name !== 'refusal') {
      sure(before === undefined || isDeepStrictEqual(before, item))
      set(into, name, item)
    } else if (isSet(item)) {
      sure(Array.isArray(item))
      if (!Array.isArray(before)) into[name] = [...item]
      else for (const each of item) before.push(each)
    } else into[name] = before ?? null
  }
  return into
}

/** Writes a choice as in a whole answer: with the fields that a stream leaves out if they are empty. */
function whole(choice: Choice, index: number): JsonObject {
  const { role, content, refusal, call, tools, others, logprobs, finish, rest } = choice
  // The SDK's accumulator accepts no other role.
  sure(finish !== undefined && role === 'assistant')
  const { annotations, ...more } = others
  return {
    index,
    message: {
      role,
      content: content ?? null,
      refusal: refusal ?? null,
      ...more,
      ...(tools === undefined ? {} : { tool_calls: toolsOf(tools) }),
      ...(call === undefined ? {} : { function_call: wholeCall(call) }),
      annotations: annotations ?? [],
    },
    logprobs: logprobs ?? null,
    finish_reason: finish,
    ...rest,
  }
}

function wholeCall({ name, arguments: given }: NonNullable<Choice['call']>): JsonObject {
  sure(name !== '' && given !== undefined)
  return { name, arguments: given }
}
