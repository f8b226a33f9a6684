import { type Json, type JsonObject, object, parseObject, text } from '../../core/json.ts'
import { isNonBlank } from './count.ts'

/** Returns the names of the tools that a request offers; `undefined` if one has no name, or none is offered. */
export function offeredTools(tools: readonly Json[]): ReadonlySet<string> | undefined {
  const names = tools.map((tool) => {
    const { name, function: called, custom } = object(tool)
    return text(object(called).name) || text(object(custom).name) || text(name)
  })
  return names.length > 0 && names.every((name) => name !== '') ? new Set(names) : undefined
}

/** Whether an item calls an offered function with arguments that are a JSON object. */
export function isCall(
  { name, arguments: given }: JsonObject,
  tools: ReadonlySet<string> | undefined,
): boolean {
  return isOffered(name, tools) && typeof given === 'string' && parseObject(given) !== undefined
}

/** Whether an item calls an offered tool that takes plain text. */
export const isCustomCall = ({ name, input }: JsonObject, tools: ReadonlySet<string> | undefined): boolean =>
  isOffered(name, tools) && typeof input === 'string'

const isOffered = (name: Json | undefined, tools: ReadonlySet<string> | undefined) =>
  isNonBlank(name) && (tools === undefined || tools.has(name))
