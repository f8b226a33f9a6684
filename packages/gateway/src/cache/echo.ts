import { editTopLevel } from '../body/edit.ts'
import type { Json, JsonObject } from '../call.ts'

/**
 * What a Responses answer repeats of its request without having been changed by it. Kept as it was, a stored
 * answer would show one caller's metadata and user to the next. Source: openai 7.57, `Response`.
 */
const ECHOED: Record<string, Json> = {
  metadata: {},
  user: null,
  safety_identifier: null,
  prompt_cache_key: null,
  prompt_cache_retention: null,
}

export function echoOf(body: JsonObject): JsonObject {
  const echo: JsonObject = {}
  for (const name of Object.keys(ECHOED)) if (body[name] !== undefined) echo[name] = body[name] as Json
  return echo
}

/** The answer's text as upstream would have written it for this request. */
export function withEcho(text: string, answer: JsonObject, body: JsonObject): string {
  const changes: Record<string, string> = {}
  for (const [name, absent] of Object.entries(ECHOED)) {
    const wanted = JSON.stringify(body[name] ?? absent)
    if (name in answer ? JSON.stringify(answer[name]) !== wanted : name in body) changes[name] = wanted
  }
  return Object.keys(changes).length === 0 ? text : editTopLevel(text, changes)
}
