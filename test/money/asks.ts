import type { Body, Random } from './work.ts'

export type Ask = { path: 'chat' | 'responses' | 'completions' | 'embeddings'; body: Body }

const pick = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
const maybe = (random: Random, chance: number, body: Body): Body => (random() < chance ? body : {})

/** Limits as programs write them, and as they should not. */
const LIMITS = [50, 200, 1, 1_000, 100_000, 1e15, 0, -5, 10.5, '50', '', null, true, [], 'many']
const TIERS = ['auto', 'default', 'flex', 'priority', null]
const PICTURE = 'https://pictures.test/a.png'
const SOUND = 'A'.repeat(4_000)

/** One random call of one of the four governed endpoints. */
export function randomAsk(random: Random, number: number): Ask {
  const path = pick(random, ['chat', 'chat', 'responses', 'responses', 'completions', 'embeddings'] as const)
  const words = `<${number}> ${'what is it worth '.repeat(Math.floor(random() * 20))}`
  return { path, body: BODIES[path](random, words) }
}

const BODIES: Record<Ask['path'], (random: Random, words: string) => Body> = {
  embeddings: (_, words) => ({ model: 'text-embedding-3-small', input: [words, 'more'] }),
  completions: (random, prompt) => ({
    model: 'gpt-3.5-turbo-instruct',
    prompt,
    ...maybe(random, 0.6, { max_tokens: pick(random, LIMITS) }),
    ...maybe(random, 0.3, { n: 2, best_of: 3 }),
    ...maybe(random, 0.2, { max_completion_tokens: 1 }),
    ...streamed(random),
  }),
  chat(random, words) {
    const model = pick(random, ['gpt-4o', 'gpt-4o-mini', 'o4-mini', 'gpt-audio', 'gpt-4o-search-preview'])
    const parts: Body[] = [{ type: 'text', text: words }]
    if (random() < 0.1) parts.push({ type: 'image_url', image_url: { url: PICTURE } })
    if (random() < 0.1) parts.push({ type: 'file', file: { file_id: 'file-1' } })
    if (model === 'gpt-audio')
      parts.push({ type: 'input_audio', input_audio: { data: SOUND, format: 'mp3' } })
    return {
      model,
      messages: [{ role: 'user', content: parts.length === 1 && random() < 0.5 ? words : parts }],
      ...maybe(random, 0.5, { max_tokens: pick(random, LIMITS) }),
      ...maybe(random, 0.5, { max_completion_tokens: pick(random, LIMITS) }),
      ...maybe(random, 0.2, { max_output_tokens: 1 }),
      ...maybe(random, 0.3, { n: pick(random, [1, 2, 3]) }),
      ...maybe(random, 0.1, { prediction: { type: 'content', content: 'as before '.repeat(50) } }),
      ...maybe(random, model === 'gpt-audio' ? 0.7 : 0, {
        modalities: ['text', 'audio'],
        audio: { voice: 'alloy' },
      }),
      ...maybe(random, 0.1, { web_search_options: {} }),
      ...maybe(random, 0.3, { service_tier: pick(random, TIERS) }),
      ...streamed(random),
    }
  },
  responses(random, words) {
    const hosted = [
      'web_search',
      'web_search_preview',
      'file_search',
      'image_generation',
      'mcp',
      'code_interpreter',
    ]
    const type = pick(random, hosted)
    const tool = { type, ...(type === 'code_interpreter' ? { container: { type: 'auto' } } : {}) }
    const reference = { type: 'item_reference', id: 'item_1' }
    return {
      model: pick(random, ['gpt-4o', 'gpt-4o-mini', 'o4-mini', 'gpt-4.1', 'auto']),
      input: random() < 0.2 ? [{ role: 'user', content: words }, reference] : words,
      ...maybe(random, 0.6, { max_output_tokens: pick(random, LIMITS) }),
      ...maybe(random, 0.3, { max_tokens: 1, max_completion_tokens: 1 }),
      ...maybe(random, 0.2, { previous_response_id: 'resp_0' }),
      ...maybe(random, 0.1, { conversation: 'conv_1' }),
      ...maybe(random, 0.1, { prompt: { id: 'pmpt_1' } }),
      ...maybe(random, 0.3, {
        tools: [tool],
        ...maybe(random, 0.7, { max_tool_calls: pick(random, [1, 2, 0, '2']) }),
      }),
      ...maybe(random, 0.15, { background: true }),
      ...maybe(random, 0.3, { service_tier: pick(random, TIERS) }),
      ...(random() < 0.5 ? { stream: true } : {}),
    }
  },
}

const streamed = (random: Random): Body =>
  random() < 0.5 ? {} : { stream: true, ...maybe(random, 0.7, { stream_options: { include_usage: true } }) }
