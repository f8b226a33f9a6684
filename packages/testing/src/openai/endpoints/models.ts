import type { JsonObject } from '../../core/json.ts'

/** Models that GET /v1/models lists by default. */
export const MODELS = [
  'gpt-4o',
  'gpt-4o-mini',
  'gpt-4.1',
  'o4-mini',
  'text-embedding-3-large',
  'text-embedding-3-small',
]

const DATES: Record<string, string | undefined> = {
  'gpt-4o': '2024-08-06',
  'gpt-4o-mini': '2024-07-18',
  'gpt-4.1': '2025-04-14',
  'gpt-4.1-mini': '2025-04-14',
  'gpt-4.1-nano': '2025-04-14',
  'gpt-5': '2025-08-07',
  'gpt-5-mini': '2025-08-07',
  'o3-mini': '2025-01-31',
  'o4-mini': '2025-04-16',
}

/** Returns the snapshot behind an alias: `gpt-4o-2024-08-06` for `gpt-4o`. */
export function snapshotOf(model: string): string {
  if (/\d{4}-\d{2}-\d{2}$/.test(model) || model.startsWith('text-embedding')) return model
  return `${model}-${(Object.hasOwn(DATES, model) && DATES[model]) || '2026-01-15'}`
}

export const modelObject = (id: string): JsonObject => ({
  id,
  object: 'model',
  created: 1_700_000_000,
  owned_by: 'openai',
})
