import { isObject, isSet, type Json, type JsonObject } from '../core/json.ts'
import { inOrder, isIndex } from './chunks.ts'
import { own, saidOnce, set, sure, text } from './sure.ts'

/** Tool calls that a stream has begun, by their index. */
export type Tools = Map<number, Tool>

type Tool = {
  id: string | undefined
  type: string | undefined
  function: Called | undefined
  custom: Called | undefined
  /** Unknown members. */
  rest: JsonObject
}

/** The function called, and its arguments. */
type Called = { name: string; given: string | undefined }

/** The SDK throws beyond it. */
const MOST_CALLS = 128

/**
 * Adds one delta of a tool call. As in the SDK, arguments are appended while types and ids are replaced. A second id at the
 * same index, which the SDK merges with the first, is rejected.
 */
export function addTool(tools: Tools, value: Json) {
  sure(isObject(value))
  const { index, id, type, function: called, custom, ...rest } = value
  sure(isIndex(index, MOST_CALLS))
  const tool = tools.get(index) ?? begun()
  tools.set(index, tool)
  const name = text(id)
  if (name) {
    sure(tool.id === undefined || tool.id === name)
    tool.id = name
  }
  tool.type = text(type) || tool.type
  if (isSet(called)) tool.function = addCalled(tool.function, called, 'arguments')
  if (isSet(custom)) tool.custom = addCalled(tool.custom, custom, 'input')
  for (const [name, value] of Object.entries(rest)) {
    const known = own(tool.rest, name)
    sure(!isSet(known) || (known === value && (typeof value !== 'string' || value === '')))
    set(tool.rest, name, value)
  }
}

const begun = (): Tool => ({
  id: undefined,
  type: undefined,
  function: undefined,
  custom: undefined,
  rest: {},
})

function addCalled(known: Called | undefined, value: Json, field: 'arguments' | 'input'): Called {
  sure(isObject(value))
  const { name, [field]: given, ...rest } = value
  // The SDK drops unknown members.
  sure(Object.values(rest).every((member) => !isSet(member)))
  const more = text(given)
  return {
    name: saidOnce(known?.name ?? '', text(name)),
    given: more === undefined ? known?.given : (known?.given ?? '') + more,
  }
}

/** Returns the calls as in a whole message. */
export const toolsOf = (tools: Tools): JsonObject[] => inOrder(tools).map(whole)

function whole({ id, type, function: called, custom, rest }: Tool): JsonObject {
  // For a missing id the SDK generates a random one.
  sure(id !== undefined)
  if (type === 'function') {
    sure(called !== undefined && custom === undefined)
    return { id, type, function: { name: called.name, arguments: called.given ?? '' }, ...rest }
  }
  sure(type === 'custom' && custom !== undefined && called === undefined)
  return { id, type, custom: { name: custom.name, input: custom.given ?? '' }, ...rest }
}
