import { isDeepStrictEqual } from 'node:util'
import { isObject, isSet, type Json, type JsonObject } from '../core/json.ts'
import { addTool, type Tools, toolsOf } from './chat-tools.ts'
import { addEnvelope, inOrder, isIndex } from './chunks.ts'
import { atMostOnce, ensure, ifUnambiguous, optionalText, ownMember, setMember } from './unambiguous.ts'

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
  return ifUnambiguous(() => {
    const envelope: JsonObject = {}
    const choices = new Map<number, Choice>()
    chunks.forEach((chunk, at) => {
      const { choices: items, object: _, obfuscation: __, ...rest } = chunk
      addEnvelope(envelope, rest, at === 0)
      ensure(Array.isArray(items))
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
  ensure(isObject(item))
  const { index, delta, finish_reason, logprobs, ...rest } = item
  ensure(isIndex(index, MOST_CHOICES) && !Object.hasOwn(rest, 'message'))
  const choice = choices.get(index) ?? begun()
  choices.set(index, choice)
  const finish = optionalText(finish_reason)
  // An empty `finish_reason` ends no choice.
  if (finish) choice.finish = finish
  if (isSet(logprobs)) choice.logprobs = addLogprobs(choice.logprobs, logprobs)
  for (const [name, value] of Object.entries(rest)) {
    ensure(value !== null || !isSet(ownMember(choice.rest, name)))
    setMember(choice.rest, name, value)
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
  ensure(isObject(delta))
  const { role, content, refusal, function_call, tool_calls, audio, ...others } = delta
  ensure(!isSet(audio))
  choice.role = optionalText(role) || choice.role
  const said = optionalText(content)
  if (said !== undefined) choice.content = (choice.content ?? '') + said
  const refused = optionalText(refusal)
  if (refused) choice.refusal = (choice.refusal ?? '') + refused
  if (isSet(function_call)) addCall(choice, function_call)
  if (isSet(tool_calls)) {
    ensure(Array.isArray(tool_calls))
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
  const known = ownMember(into, name)
  // A whole message always has this list, so it cannot express that a stream sent it empty or as another type.
  ensure(name !== 'annotations' || (Array.isArray(value) && value.length > 0))
  if (!isSet(known)) setMember(into, name, value)
  else ensure(known === value && (typeof value !== 'string' || value === ''))
}

/** Adds a `function_call`, the deprecated form of a single tool call. */
function addCall(choice: Choice, value: Json) {
  ensure(isObject(value))
  const { name, arguments: given, ...rest } = value
  ensure(Object.keys(rest).length === 0)
  choice.call ??= { name: '', arguments: undefined }
  const { call } = choice
  call.name = atMostOnce(call.name, optionalText(name))
  const more = optionalText(given)
  if (more !== undefined) call.arguments = (call.arguments ?? '') + more
}

function addLogprobs(known: JsonObject | undefined, value: Json): JsonObject {
  ensure(isObject(value))
  const into: JsonObject = known ?? {}
  for (const [name, item] of Object.entries(value)) {
    const before = ownMember(into, name)
    if (name !== 'content' && name !== 'refusal') {
      ensure(before === undefined || isDeepStrictEqual(before, item))
      setMember(into, name, item)
    } else if (isSet(item)) {
      ensure(Array.isArray(item))
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
  ensure(finish !== undefined && role === 'assistant')
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
  ensure(name !== '' && given !== undefined)
  return { name, arguments: given }
}
