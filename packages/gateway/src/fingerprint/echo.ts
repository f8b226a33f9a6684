import { editTopLevel } from '../body/json-edit.ts'
import type { Json, JsonObject } from '../core/json.ts'

/**
 * Request members that a Responses answer repeats without being changed by them. A stored answer would otherwise show
 * one caller's metadata and user to the next. The value is what the answer says if the request says nothing;
 * `undefined`: nothing. Source: openai 7.57, `Response`.
 */
const ECHOED_MEMBERS = {
  metadata: {},
  user: null,
  safety_identifier: null,
  prompt_cache_key: null,
  prompt_cache_retention: null,
  // Holds the id of another answer of the caller.
  prompt_cache_options: undefined,
} satisfies Record<string, Json | undefined>

/** Members that upstream derived from one caller's data. Removed for all others. */
const PERSONAL = ['prompt_cache_diagnostics']

export function echoOf(body: JsonObject): JsonObject {
  const echo: JsonObject = {}
  for (const name of Object.keys(ECHOED_MEMBERS))
    if (body[name] !== undefined) echo[name] = body[name] as Json
  return echo
}

/** Returns the answer's text as upstream would have written it for this request. */
export function withEcho(text: string, answer: JsonObject, body: JsonObject): string {
  const changes: Record<string, string | undefined> = {}
  for (const [name, absent] of Object.entries(ECHOED_MEMBERS)) {
    const wanted = JSON.stringify(body[name] ?? absent)
    if (name in answer ? JSON.stringify(answer[name]) !== wanted : name in body) changes[name] = wanted
  }
  for (const name of PERSONAL) if (name in answer) changes[name] = undefined
  return Object.keys(changes).length === 0 ? text : editTopLevel(text, changes)
}
