import { type GatewayContext, gatewayOptions } from '@hotdash/llm-gateway'
import type { FakeOpenAI } from '@hotdash/llm-gateway-testing'
import type OpenAI from 'openai'
import { zodResponseFormat } from 'openai/helpers/zod'
import { expect } from 'vitest'
import * as z from 'zod'
import { errorOf, outcomeOf } from '../conformance/outcome.ts'
import { all } from '../conformance/surfaces.ts'
import type { Team } from './kit.ts'

/** An agent's surroundings: a client for each team, however it reaches the gateway, and what upstream saw. */
export type World = { client: (team: Team) => OpenAI; upstream: FakeOpenAI }

/** Something an agent does, and what must come of it. What it returns must be the same in every world. */
export type Behaviour = { name: string; run: (world: World) => Promise<unknown> }

const MODEL = 'gpt-4o-mini'
const ask = (content: string) => ({ model: MODEL, messages: [{ role: 'user' as const, content }] })
const streamed = (content: string) => ({
  ...ask(content),
  stream: true as const,
  stream_options: { include_usage: true },
})
const weather = {
  type: 'function' as const,
  function: {
    name: 'weather',
    description: 'tells the weather',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
}
const Verdict = z.object({ reasoning: z.string(), answer: z.string(), score: z.number() })

const cacheOf = async (call: ReturnType<OpenAI['post']> | { asResponse: () => Promise<Response> }) => {
  const response = await call.asResponse()
  await response.text()
  return response.headers.get('x-gateway-cache')
}
const controlled = (context: GatewayContext) => gatewayOptions(context)
/** LiteLLM's own request fields, which the SDK's types do not know. */
const litellm = (body: OpenAI.Chat.ChatCompletionCreateParamsNonStreaming, extra: object) =>
  ({ ...body, ...extra }) as OpenAI.Chat.ChatCompletionCreateParamsNonStreaming

const talking: Behaviour[] = [
  {
    name: 'chat',
    run: ({ client }) => client('alpha').chat.completions.create(ask('What is the margin? 漢字 🙂')),
  },
  {
    name: 'a stream, with its usage',
    run: async ({ client }) => await all(await client('alpha').chat.completions.create(streamed('Tell me.'))),
  },
  {
    name: 'tool calls',
    run: ({ client }) => client('alpha').chat.completions.create({ ...ask('use weather'), tools: [weather] }),
  },
  {
    name: 'tools, run',
    async run({ client }) {
      const runner = client('alpha').chat.completions.runTools({
        ...ask('use weather'),
        tools: [
          {
            type: 'function',
            function: { ...weather.function, parse: JSON.parse, function: async () => 'sunny' },
          },
        ],
      })
      return { final: await runner.finalContent(), messages: runner.messages.length }
    },
  },
  {
    name: 'structured output',
    async run({ client }) {
      const answer = await client('alpha').chat.completions.parse({
        ...ask('judge'),
        response_format: zodResponseFormat(Verdict, 'verdict'),
      })
      expect(answer.choices[0]?.message.parsed).toMatchObject({ answer: expect.any(String) })
      return answer
    },
  },
  {
    name: 'a Response',
    run: ({ client }) => client('alpha').responses.create({ model: MODEL, input: 'What now?' }),
  },
  {
    name: 'a Response, streamed',
    async run({ client }) {
      const events = await all(
        await client('alpha').responses.create({ model: MODEL, input: 'What then?', stream: true }),
      )
      expect(events.at(-1)?.type).toBe('response.completed')
      return events
    },
  },
  {
    name: 'embeddings',
    run: ({ client }) =>
      client('alpha').embeddings.create({
        model: 'text-embedding-3-small',
        input: ['a', 'b'],
        dimensions: 8,
      }),
  },
  {
    name: 'a legacy completion',
    run: ({ client }) =>
      client('alpha').completions.create({ model: 'gpt-3.5-turbo-instruct', prompt: 'Once upon a time' }),
  },
  {
    name: 'a call without a model is answered by the policy’s',
    async run({ client, upstream }) {
      const answer = await client('alpha').chat.completions.create({ ...ask('any'), model: 'auto' })
      expect(upstream.requests.map(({ model }) => model)).toEqual([MODEL])
      return answer.model
    },
  },
]

const caching: Behaviour[] = [
  {
    name: 'the same question has the same answer, whole or streamed, and costs nothing',
    async run({ client, upstream }) {
      const first = await client('alpha').chat.completions.create(ask('again'))
      const { data, response } = await client('alpha').chat.completions.create(ask('again')).withResponse()
      expect(data).toEqual(first)
      const chunks = await all(await client('alpha').chat.completions.create(streamed('again')))
      const said = chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')
      expect(said).toBe(first.choices[0]?.message.content)
      expect(upstream.count()).toBe(1)
      return ['x-gateway-cache', 'x-gateway-cost-usd', 'x-gateway-team', 'x-gateway-model'].map((name) =>
        response.headers.get(name),
      )
    },
  },
  {
    name: 'noCache asks afresh, noStore keeps nothing, onlyIfCached refuses what is not there',
    async run({ client, upstream }) {
      const { completions } = client('alpha').chat
      const states = [
        await cacheOf(completions.create(ask('q'), controlled({ cache: { noStore: true } }))),
        await cacheOf(completions.create(ask('q'))),
        await cacheOf(completions.create(ask('q'))),
        await cacheOf(completions.create(ask('q'), controlled({ cache: { noCache: true } }))),
      ]
      expect(states).toEqual(['miss', 'miss', 'exact', 'bypass'])
      expect(upstream.count()).toBe(3)
      const refused = await outcomeOf(() =>
        completions.create(ask('never'), controlled({ cache: { onlyIfCached: true } })),
      )
      expect(errorOf(refused).fields).toMatchObject({ status: 504, code: 'gateway_not_cached' })
      return states
    },
  },
  {
    name: 'LiteLLM’s request fields are heeded, and upstream sees none of them',
    async run({ client, upstream }) {
      const { completions } = client('alpha').chat
      const metadata = { trace_id: 't', session_id: 's', generation_name: 'g', tags: ['a'] }
      const states = [
        await cacheOf(completions.create(litellm(ask('l'), { metadata }))),
        await cacheOf(completions.create(litellm(ask('l'), { metadata, cache: { ttl: 60 } }))),
        await cacheOf(completions.create(litellm(ask('l'), { cache: { 'no-cache': true } }))),
        await cacheOf(completions.create(litellm(ask('l'), { cache: { namespace: 'mine' } }))),
      ]
      expect(states).toEqual(['miss', 'exact', 'bypass', 'miss'])
      for (const { body } of upstream.requests) expect(body).toEqual(ask('l'))
      return states
    },
  },
  {
    name: 'twenty who ask at one time make one upstream call',
    async run({ client, upstream }) {
      upstream.fail({ type: 'latency', ms: 100 })
      const asks = Array.from({ length: 20 }, () => client('alpha').chat.completions.create(ask('together')))
      const answers = await Promise.all(asks)
      expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1)
      expect(upstream.count()).toBe(1)
    },
  },
  {
    name: 'no team sees another’s answers',
    async run({ client, upstream }) {
      const states: (string | null)[] = []
      for (const team of ['alpha', 'beta', 'alpha', 'beta'] as const)
        states.push(await cacheOf(client(team).chat.completions.create(ask('ours'))))
      expect(states).toEqual(['miss', 'miss', 'exact', 'exact'])
      expect(upstream.count()).toBe(2)
    },
  },
]

const failing: Behaviour[] = [
  {
    name: 'upstream’s 400 is a BadRequestError with its own code',
    async run({ client, upstream }) {
      upstream.fail({ type: 'status', status: 400, code: 'bad_thing', message: 'no', param: 'messages' })
      const { class: kind, fields } = errorOf(
        await outcomeOf(() => client('alpha').chat.completions.create(ask('x'))),
      )
      expect(kind).toBe('BadRequestError')
      return fields
    },
  },
  {
    name: 'a model off the list is a PermissionDeniedError',
    async run({ client, upstream }) {
      const outcome = await outcomeOf(() =>
        client('beta').chat.completions.create({ ...ask('x'), model: 'gpt-4o' }),
      )
      const { class: kind, fields } = errorOf(outcome)
      expect(kind).toBe('PermissionDeniedError')
      expect(fields).toMatchObject({ status: 403, code: 'gateway_model_not_allowed', param: 'model' })
      expect(upstream.count()).toBe(0)
      return fields
    },
  },
  {
    name: 'a broken model is replaced by the fallback',
    async run({ client, upstream }) {
      upstream.fail({ type: 'status', status: 503 }, { when: { model: MODEL } })
      const { data, response } = await client('alpha').chat.completions.create(ask('x')).withResponse()
      expect(response.headers.get('x-gateway-route')).toBe('failover')
      return data
    },
  },
  {
    name: 'an upstream that stays broken is an InternalServerError',
    async run({ client, upstream }) {
      upstream.fail({ type: 'status', status: 500 }, { times: Number.POSITIVE_INFINITY })
      const outcome = await outcomeOf(() =>
        client('alpha').chat.completions.create(ask('x'), { maxRetries: 0 }),
      )
      const { class: kind, fields } = errorOf(outcome)
      expect(kind).toBe('InternalServerError')
      return fields
    },
  },
  {
    name: 'an error in mid-stream is an APIError, after what came before it',
    async run({ client, upstream }) {
      upstream.fail({ type: 'error-event', afterChunks: 3, message: 'overloaded' })
      const seen: unknown[] = []
      const outcome = await outcomeOf(async () => {
        for await (const chunk of await client('alpha').chat.completions.create(streamed('x')))
          seen.push(chunk)
      })
      const { class: kind, fields } = errorOf(outcome)
      expect(kind).toBe('APIError')
      return { seen, fields }
    },
  },
  {
    name: 'a stream that breaks off is an error, and no short answer',
    async run({ client, upstream }) {
      upstream.fail({ type: 'cut', afterChunks: 3 })
      const outcome = await outcomeOf(async () =>
        all(await client('alpha').chat.completions.create(streamed('x'))),
      )
      expect('error' in outcome).toBe(true)
    },
  },
  {
    name: 'who leaves in mid-stream stops upstream',
    async run({ client, upstream }) {
      upstream.fail({ type: 'slow', chunkDelayMs: 100 })
      for await (const chunk of await client('alpha').chat.completions.create(streamed('long')))
        if (chunk.choices[0]?.delta.content) break
      await upstream.requests[0]?.closed
      expect(upstream.requests[0]?.aborted).toBe(true)
    },
  },
]

const limited: Behaviour[] = [
  {
    name: 'requests per minute: a RateLimitError at once, which tells when to come back',
    async run({ client, upstream }) {
      await client('few').chat.completions.create(ask('first'))
      const {
        class: kind,
        fields,
        headers,
      } = errorOf(await outcomeOf(() => client('few').chat.completions.create(ask('second'))))
      expect(kind).toBe('RateLimitError')
      expect(fields).toMatchObject({ status: 429, code: 'gateway_rpm_exceeded' })
      expect(Number(headers?.['retry-after'])).toBeGreaterThan(30)
      // The first answer is still free.
      await client('few').chat.completions.create(ask('first'))
      expect(upstream.count()).toBe(1)
    },
  },
  {
    name: 'dollars a day',
    async run({ client, upstream }) {
      const { fields } = errorOf(await outcomeOf(() => client('poor').chat.completions.create(ask('dear'))))
      expect(fields).toMatchObject({ status: 429, code: 'gateway_daily_usd_exceeded' })
      expect(upstream.count()).toBe(0)
    },
  },
  {
    name: 'tokens per minute',
    async run({ client, upstream }) {
      const outcome = await outcomeOf(() =>
        client('small').chat.completions.create({ ...ask('word '.repeat(400)), max_tokens: 10 }),
      )
      expect(errorOf(outcome).fields).toMatchObject({ status: 429, code: 'gateway_tpm_exceeded' })
      expect(upstream.count()).toBe(0)
    },
  },
]

export const behaviours: Behaviour[] = [...talking, ...caching, ...failing, ...limited]
