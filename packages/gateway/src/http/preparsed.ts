import type { JsonObject } from '../core/json.ts'

/**
 * Member of the `init` of a `fetch` that holds the body parsed by its sender, so that a large body is parsed once. Ignored
 * unless its `text` is the body of that `init`.
 */
export const PREPARSED = Symbol.for('@hotdash/llm-gateway:parsed')
export type ParsedText = { text: string; json: JsonObject }
