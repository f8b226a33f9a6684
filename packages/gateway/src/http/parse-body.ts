export { withErrorPage } from '../util/error-page.ts'

import { type JsonObject, parseObject } from '../core/json.ts'
import { type Excess, excessOf } from '../util/json-limits.ts'
import { type ParsedText, PREPARSED } from './preparsed.ts'

/**
 * Parses a request body within the limits of `gateway.fetch`, for servers that read bodies in front of it: with
 * `fetchOptions` the gateway does not parse the body again.
 *
 * @example gateway.fetch(url, { method: 'POST', headers, ...parseBody(text).fetchOptions })
 * @returns `undefined` if the text is no JSON object; `{ excess }` with the name of the limit that it exceeds.
 */
export function parseBody(text: string): { excess: Excess } | ParsedBody | undefined {
  if (!/^\s*\{/.test(text)) return undefined
  const excess = excessOf(text)
  if (excess !== undefined) return { excess }
  const json = parseObject(text)
  return json && parsedBody(text, json)
}

/** A parsed body, and the members to add to the `init` of a `fetch` that sends it. */
export type ParsedBody = { json: JsonObject; fetchOptions: { body: string } }

/** Returns a body that was parsed or changed elsewhere as `parseBody` does. */
export const parsedBody = (text: string, json: JsonObject): ParsedBody => ({
  json,
  fetchOptions: Object.assign({ body: text }, { [PREPARSED]: { text, json } satisfies ParsedText }),
})
