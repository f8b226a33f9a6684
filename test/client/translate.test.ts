import { createGatewayClient, type Policy } from '@hotdash/llm-gateway'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { runs } from '../runs.ts'
import { answering, json, startUpstream } from './upstream.ts'

// A call that another model answers than the one that it was written for is accepted by that model.

beforeEach(() => void vi.spyOn(console, 'warn').mockImplementation(() => undefined))
afterEach(() => vi.restoreAllMocks())

const THINKS = ['o1', 'o3', 'o3-mini', 'o4-mini', 'o4-mini-2025-04-16', 'gpt-5', 'gpt-5-mini', 'gpt-5.2']
const PLAIN = ['gpt-4o', 'gpt-4o-mini', 'gpt-4.1', 'gpt-4.1-nano', 'gpt-3.5-turbo', 'gpt-5-chat-latest']

/** What OpenAI says no to, by its own documents; kept apart from what the gateway knows. */
function whyRefused(path: string, body: Record<string, unknown>): string | undefined {
  const model = body.model as string
  const thinks = THINKS.includes(model)
  const isFifth = model.startsWith('gpt-5') && thinks
  const given = (name: string) => body[name] !== undefined && body[name] !== null
  const include = (body.include ?? []) as string[]
  if (path.endsWith('/responses')) {
    const text = (body.text ?? {}) as { verbosity?: string }
    if (thinks && ['temperature', 'top_p', 'top_logprobs'].some(given)) return 'sampling'
    if (thinks && include.includes('message.output_text.logprobs')) return 'logprobs'
    if (!thinks && given('reasoning')) return 'reasoning'
    if (!thinks && include.includes('reasoning.encrypted_content')) return 'encrypted reasoning'
    return !isFifth && text.verbosity !== undefined ? 'verbosity' : undefined
  }
  if (thinks && given('max_tokens')) return "Use 'max_completion_tokens' instead."
  const sampling = ['temperature', 'top_p', 'presence_penalty', 'frequency_penalty', 'logit_bias']
  const refused = thinks
    ? [...sampling, 'logprobs', 'top_logprobs', 'stop', 'prediction']
    : ['reasoning_effort']
  if (!isFifth) refused.push('verbosity')
  if (thinks && !isFifth) refused.push('parallel_tool_calls')
  return refused.find(given)
}

const chat = fc.record(
  {
    max_tokens: fc.integer({ min: 1, max: 500 }),
    max_completion_tokens: fc.integer({ min: 1, max: 500 }),
    temperature: fc.constantFrom(0, 0.5, 1, null),
    top_p: fc.constantFrom(0.1, 1),
    presence_penalty: fc.constantFrom(-1, 0, 1),
    frequency_penalty: fc.constantFrom(-1, 0, 1),
    logprobs: fc.boolean(),
    top_logprobs: fc.nat({ max: 5 }),
    logit_bias: fc.constant({ '50256': -100 }),
    stop: fc.constantFrom('END', ['a', 'b']),
    prediction: fc.constant({ type: 'content', content: 'x' }),
    parallel_tool_calls: fc.boolean(),
    reasoning_effort: fc.constantFrom('low', 'high'),
    verbosity: fc.constantFrom('low', 'high'),
    seed: fc.nat(),
  },
  { requiredKeys: [] },
)
const responses = fc.record(
  {
    max_output_tokens: fc.integer({ min: 16, max: 500 }),
    temperature: fc.constantFrom(0, 1),
    top_p: fc.constantFrom(0.1, 1),
    top_logprobs: fc.nat({ max: 5 }),
    reasoning: fc.constant({ effort: 'low' }),
    text: fc.constantFrom({ verbosity: 'low' }, { verbosity: 'low', format: { type: 'text' } }, {}),
    include: fc.subarray([
      'reasoning.encrypted_content',
      'message.output_text.logprobs',
      'file_search_call.results',
    ]),
  },
  { requiredKeys: [] },
)
const scene = fc.record({
  asked: fc.constantFrom(...THINKS, ...PLAIN),
  to: fc.constantFrom(...THINKS, ...PLAIN),
  how: fc.constantFrom('swap', 'failover'),
  request: fc.oneof(
    chat.map((body) => ({
      path: '/chat/completions',
      body: { messages: [{ role: 'user', content: 'a' }], ...body },
    })),
    responses.map((body) => ({ path: '/responses', body: { input: 'a', ...body } })),
  ),
})

test('whatever a model is swapped or replaced by, it does not refuse what was written for the other', async () => {
  const upstream = await startUpstream()
  await fc.assert(
    fc.asyncProperty(scene, async ({ asked, to, how, request: { path, body } }) => {
      fc.pre(asked !== to && whyRefused(path, { ...body, model: asked }) === undefined)
      const policy: Policy =
        how === 'swap'
          ? { routing: { aliases: { [asked]: to } } }
          : { routing: { default: asked, fallback: to } }
      upstream.serve((request, response, entry) => {
        const seen = JSON.parse(entry.body)
        if (how === 'failover' && seen.model === asked)
          return json(response, 500, { error: { message: 'no' } })
        const why = whyRefused(entry.url, seen)
        if (why !== undefined) return json(response, 400, { error: { message: why, code: 'unsupported' } })
        return answering(request, response, entry)
      })
      const client = createGatewayClient({
        ...{ baseURL: upstream.baseURL, apiKey: 'test', maxRetries: 0 },
        gateway: { agent: 'a', policy, redis: false, cache: false },
      })
      upstream.take()
      await client.post(path, { body: { model: asked, ...body } })
      const last = JSON.parse(upstream.take().at(-1)?.body ?? '')
      expect(last.model).toBe(to)
      // A limit is never lost on the way.
      const limits = ['max_tokens', 'max_completion_tokens', 'max_output_tokens'] as const
      const limitsOf = (body: Record<string, unknown>) =>
        limits.map((name) => body[name]).filter((it) => it !== undefined)
      expect(limitsOf(last).length > 0).toBe(limitsOf(body as Record<string, unknown>).length > 0)
      for (const limit of limitsOf(last)) expect(limitsOf(body as Record<string, unknown>)).toContain(limit)
      await client.gateway.close()
    }),
    { numRuns: runs(200) },
  )
})

test('a call that names its model itself is not changed, whatever is in it', async () => {
  const upstream = await startUpstream()
  const client = createGatewayClient({
    ...{ baseURL: upstream.baseURL, apiKey: 'test' },
    gateway: { agent: 'a', policy: {}, redis: false, cache: false },
  })
  await fc.assert(
    fc.asyncProperty(chat, fc.constantFrom(...THINKS, ...PLAIN), async (body, model) => {
      const sent = { model, messages: [{ role: 'user' as const, content: 'a' }], ...body }
      await client.post('/chat/completions', { body: sent })
      expect(upstream.take().map(({ body }) => JSON.parse(body))).toEqual([sent])
    }),
    { numRuns: runs(50) },
  )
})
