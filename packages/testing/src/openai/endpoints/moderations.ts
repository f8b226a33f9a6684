import type { Json, JsonObject } from '../../core/json.ts'
import { list, text } from '../../core/json.ts'
import { idOf } from '../model/deterministic.ts'

const CATEGORIES = [
  'harassment',
  'harassment/threatening',
  'hate',
  'hate/threatening',
  'illicit',
  'illicit/violent',
  'self-harm',
  'self-harm/instructions',
  'self-harm/intent',
  'sexual',
  'sexual/minors',
  'violence',
  'violence/graphic',
]

const each = (value: Json) => Object.fromEntries(CATEGORIES.map((category) => [category, value]))

/** POST /v1/moderations: nothing is ever flagged. */
export function moderations(body: JsonObject, seed: string): JsonObject {
  const texts = list(body.input).filter((item) => typeof item === 'string')
  const result = {
    flagged: false,
    categories: each(false),
    category_applied_input_types: each(['text']),
    category_scores: each(0.0001),
  }
  return {
    id: idOf('modr-', seed),
    model: text(body.model) || 'omni-moderation-latest',
    results: Array.from({ length: Math.max(1, texts.length) }, () => result),
  }
}
