import { editTopLevel } from '../body/json-edit.ts'
import type { Json, JsonObject } from '../core/json.ts'

/**
 * What a Responses answer repeats of its request without having been changed by it. Kept as it was, a stored
 * answer would show one caller's metadata and user to the next. Source: openai 7.57, `Response`. `undefined`:
 * where the request does not say it, the answer does not either.
 */
const ECHOED = {
  metadata: {},
  user: null,
  safety_identifier: null,
  prompt_cache_key: null,
  prompt_cache_retention: null,
  // Holds the id of another of the caller's answers.
  prompt_cache_options: undefined,
} satisfies Record<string, Json | undefined>

/** What upstream found out for one caller by such a member. Told to no other. */
const PERSONAL = ['prompt_cache_diagnostics']

export function echoOf(body: JsonObject): JsonObject {
  const echo: JsonObject = {}
  for (const name of Object.keys(ECHOED)) if (body[name] !== undefined) echo[name] = body[name] as Json
  return echo
}

/** The answer's text as upstream would have written it for this request. */
export function withEcho(text: string, answer: JsonObject, body: JsonObject): string {
  const changes: Record<string, string | undefined> = {}
  for (const [name, absent] of Object.entries(ECHOED)) {
    const wanted = JSON.stringify(body[name] ?? absent)
    if (name in answer ? JSON.stringify(answer[name]) !== wanted : name in body) changes[name] = wanted
  }
  for (const name of PERSONAL) if (name in answer) changes[name] = undefined
  return Object.keys(changes).length === 0 ? text : editTopLevel(text, changes)
}
