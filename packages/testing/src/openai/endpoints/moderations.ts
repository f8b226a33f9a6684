import { type Json, type JsonObject, list, text } from '../../core/json.ts'
import { seededId } from '../model/deterministic.ts'

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

const perCategory = (value: Json) => Object.fromEntries(CATEGORIES.map((category) => [category, value]))

/** Renders the answer to POST /v1/moderations, which flags nothing. */
export function renderModeration(body: JsonObject, seed: string): JsonObject {
  const texts = list(body.input).filter((item) => typeof item === 'string')
  const result = {
    flagged: false,
    categories: perCategory(false),
    category_applied_input_types: perCategory(['text']),
    category_scores: perCategory(0.0001),
  }
  return {
    id: seededId('modr-', seed),
    model: text(body.model) || 'omni-moderation-latest',
    results: Array.from({ length: Math.max(1, texts.length) }, () => result),
  }
}
