import { isObject, isSet, type Json, type JsonObject } from '../core/json.ts'
import { inOrder, isIndex } from './chunks.ts'
import { atMostOnce, ensure, optionalText, ownMember, setMember } from './unambiguous.ts'

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
  ensure(isObject(value))
  const { index, id, type, function: called, custom, ...rest } = value
  ensure(isIndex(index, MOST_CALLS))
  const tool = tools.get(index) ?? begun()
  tools.set(index, tool)
  const name = optionalText(id)
  if (name) {
    ensure(tool.id === undefined || tool.id === name)
    tool.id = name
  }
  tool.type = optionalText(type) || tool.type
  if (isSet(called)) tool.function = addCalled(tool.function, called, 'arguments')
  if (isSet(custom)) tool.custom = addCalled(tool.custom, custom, 'input')
  for (const [name, value] of Object.entries(rest)) {
    const known = ownMember(tool.rest, name)
    ensure(!isSet(known) || (known === value && (typeof value !== 'string' || value === '')))
    setMember(tool.rest, name, value)
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
  ensure(isObject(value))
  const { name, [field]: given, ...rest } = value
  // The SDK drops unknown members.
  ensure(Object.values(rest).every((member) => !isSet(member)))
  const more = optionalText(given)
  return {
    name: atMostOnce(known?.name ?? '', optionalText(name)),
    given: more === undefined ? known?.given : (known?.given ?? '') + more,
  }
}

/** Returns the calls as in a whole message. */
export const toolsOf = (tools: Tools): JsonObject[] => inOrder(tools).map(whole)

function whole({ id, type, function: called, custom, rest }: Tool): JsonObject {
  // For a missing id the SDK generates a random one.
  ensure(id !== undefined)
  if (type === 'function') {
    ensure(called !== undefined && custom === undefined)
    return { id, type, function: { name: called.name, arguments: called.given ?? '' }, ...rest }
  }
  ensure(type === 'custom' && custom !== undefined && called === undefined)
  return { id, type, custom: { name: custom.name, input: custom.given ?? '' }, ...rest }
}
