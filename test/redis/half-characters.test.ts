import { createGatewayClient, type GatewayOptions, gatewayOptions, withGateway } from '@hotdash/llm-gateway'
import type { Report } from '@hotdash/llm-gateway/sinks'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import fc from 'fast-check'
import OpenAI from 'openai'
import { expect, test, vi } from 'vitest'
import { runs } from '../runs.ts'
import { ask } from '../support.ts'
import { startRedis } from './server.ts'

/** Halves of characters, alone, in the wrong order, at the end of what is cut at 100 and at 200. */
const name = fc
  .array(
    fc.constantFrom(
      'a',
      '\ud800',
      '\udc00',
      '\ude00\ud83d',
      '\u{1f44d}',
      'ä',
      '\0',
      ' ',
      '*',
      '{',
      '/',
      'x'.repeat(99),
      '%',
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((parts) => parts.join(''))
const maybe = fc.option(name, { nil: undefined })
const controls = fc.record({
  agent: maybe,
  session: maybe,
  user: maybe,
  trace: maybe,
  tags: fc.array(name, { maxLength: 2 }),
  namespace: maybe,
})
const way = fc.constantFrom('options', 'context', 'headers', 'raw headers', 'body')

/** Every text in a value. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, each]) => [name, ...textsIn(each)])
}

test('half a character in any name breaks no call, no record, no sum and no answer', async () => {
  vi.spyOn(console, 'warn').mockReturnValue()
  const redis = await startRedis()
  const upstream = await startFakeOpenAI({ tokens: 'approximate' })
  const reports: Report[] = []
  const sinks: GatewayOptions['sinks'] = [
    { name: 'all', deliver: async (some) => void reports.push(...some) },
  ]
  try {
    await fc.assert(
      fc.asyncProperty(
        controls,
        way,
        maybe,
        name,
        fc.boolean(),
        async (said, way, team, model, keptApart) => {
          reports.length = 0
          const { namespace, ...rest } = said
          const context = Object.fromEntries(
            Object.entries({ ...rest, ...(namespace && { cache: { namespace } }) }).filter(
              ([, value]) => value !== undefined,
            ),
          )
          const client = createGatewayClient({
            baseURL: upstream.baseURL,
            apiKey: 'k',
            maxRetries: 0,
            gateway: {
              redis: redis.url,
              deadlines: { redisMs: 5_000, connectMs: 5_000 },
              ...(way === 'options' && said.agent !== undefined && { agent: said.agent }),
              ...(team !== undefined && { team }),
              policy: {
                cache: { sharedBetweenUsers: !keptApart },
                teams: {
                  [team ?? 'default']: { rpm: 1_000_000, ...(said.agent && { agents: [said.agent] }) },
                },
              },
              sinks,
            },
          })
          const body = (question: string) => ({
            ...ask(question),
            user: said.user ?? 'somebody',
            ...(way === 'body' &&
              ({
                metadata: {
                  session_id: said.session ?? 's',
                  trace_user_id: said.user ?? 'u',
                  tags: said.tags,
                },
              } as object)),
          })
          const call = (question: string) => {
            if (way === 'context')
              return withGateway(context, () => client.chat.completions.create(body(question)))
            if (way === 'raw headers')
              return client.chat.completions.create(body(question), {
                headers: { 'x-gateway-user': escape(said.user ?? 'u'), 'x-gateway-session': '%ED%A0%80' },
              })
            return client.chat.completions.create(
              body(question),
              way === 'headers' ? gatewayOptions(context) : {},
            )
          }
          // Twice: the second is an answer of the cache, under a key that was made of all of it.
          await call('one')
          await call('one')
          const other = await client.chat.completions
            .create({ ...ask('two'), model })
            .catch((error: unknown) => error)
          // Upstream does not know such a model, and says so itself.
          if (other instanceof Error) expect(other).toBeInstanceOf(OpenAI.APIError)
          if (other instanceof OpenAI.APIError)
            expect(`${other.status} ${other.code}`).toMatch(/^4\d\d (?!gateway_)/)
          expect(await client.gateway.flush()).toBe(true)
          expect(client.gateway.stats()).toMatchObject({ faults: 0, pending: 0 })
          await client.gateway.close()
          expect(reports).toHaveLength(3)
          for (const text of textsIn(reports)) expect(text.isWellFormed()).toBe(true)
        },
      ),
      { numRuns: runs(40) },
    )
  } finally {
    await upstream.close()
    await redis.close()
    vi.restoreAllMocks()
  }
})
