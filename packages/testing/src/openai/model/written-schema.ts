import { type Json, type JsonObject, list, object } from '../../core/json.ts'
import { contentText } from './content.ts'

/** Longest text that is searched, in characters. */
const MAX_CHARS = 100_000

/**
 * Finds the JSON Schema that a message spells out after the words “JSON schema”, as libraries do for models without
 * structured outputs. Returns `undefined` if no message has one.
 */
export function writtenSchema(messages: Json | undefined): JsonObject | undefined {
  for (const message of list(messages)) {
    const content = contentText(object(message).content).slice(0, MAX_CHARS)
    const at = /json.?schema/i.exec(content)
    const schema = at === null ? undefined : objectAfter(content, at.index)
    if (schema !== undefined && ('properties' in schema || '$ref' in schema)) return schema
  }
  return undefined
}

/** Parses the first JSON object that begins after a position: up to the brace that closes it, outside of strings. */
function objectAfter(content: string, position: number): JsonObject | undefined {
  const start = content.indexOf('{', position)
  if (start === -1) return undefined
  let depth = 0
  let inString = false
  for (let at = start; at < content.length; at += 1) {
    const char = content[at]
    if (inString && char === '\\') at += 1
    else if (char === '"') inString = !inString
    else if (!inString && char === '{') depth += 1
    else if (!inString && char === '}') depth -= 1
    if (depth === 0) return parsed(content.slice(start, at + 1))
  }
  return undefined
}

function parsed(json: string): JsonObject | undefined {
  try {
    return object(JSON.parse(json))
  } catch {
    return undefined
  }
}
