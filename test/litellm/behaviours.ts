import { gatewayOptions, withGateway } from '@hotdash/llm-gateway'
import type { FakeOpenAI } from '@hotdash/llm-gateway-testing'
import OpenAI from 'openai'
import { zodResponseFormat } from 'openai/helpers/zod'
import * as z from 'zod'

export type Mode = 'embedded' | 'litellm' | 'direct'

/** What an agent has to work with; `client` is made anew for each behaviour, from the environment alone. */
export type Agent = {
  client: OpenAI
  upstream: FakeOpenAI
  /** Another client, for another agent of another team. */
  as: (agent: string, team: string) => OpenAI
}

export type Behaviour = {
  /** What an agent sees of it. */
  see: (agent: Agent) => Promise<unknown>
  /** What it sees elsewhere, where that differs from what it sees embedded. */
  unlike?: Partial<Record<'litellm' | 'direct', unknown>>
}

const MODEL = 'gpt-4o-mini'
const ask = (content: string) => ({ model: MODEL, messages: [{ role: 'user' as const, content }] })
const say = (client: OpenAI, content: string) => client.chat.completions.create(ask(content))
const lastBody = ({ requests }: FakeOpenAI) => (requests.at(-1)?.body ?? {}) as Record<string, unknown>
const text = (answer: OpenAI.ChatCompletion) => answer.choices[0]?.message.content

/** Of an error, what agents tell errors apart by. */
export async function failure(promise: PromiseLike<unknown>): Promise<unknown> {
  try {
    await promise
    return 'no error'
  } catch (error) {
    if (!(error instanceof OpenAI.APIError)) return (error as Error).name
    return { name: error.constructor.name, status: error.status, code: error.code, type: error.type }
  }
}

/** LiteLLM writes its cache after it has answered. */
export const settled = () => new Promise((resolve) => setTimeout(resolve, 400))

const weather = {
  type: 'function' as const,
  function: {
    name: 'get_weather',
    description: 'The weather in a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
}
const Order = z.object({ id: z.string(), total: z.number(), items: z.array(z.string()) })

const LONG = 'a long story about shipping and returns. '.repeat(600)

export const behaviours: Record<string, Behaviour> = {
  'a chat answer': {
    async see({ client }) {
      const answer = await say(client, 'a chat answer')
      const { prompt_tokens, completion_tokens } = answer.usage ?? {}
      return [text(answer), answer.model, answer.choices[0]?.finish_reason, prompt_tokens, completion_tokens]
    },
  },
  'a streamed chat answer': {
    async see({ client }) {
      const stream = await client.chat.completions.create({ ...ask('a streamed chat answer'), stream: true })
      const seen = { text: '', usage: false, reason: '', model: '' }
      for await (const chunk of stream) {
        seen.text += chunk.choices[0]?.delta.content ?? ''
        seen.usage ||= Boolean(chunk.usage)
        seen.reason = chunk.choices[0]?.finish_reason ?? seen.reason
        seen.model = chunk.model
      }
      return seen
    },
  },
  'a streamed chat answer with its usage': {
    async see({ client }) {
      const stream = await client.chat.completions.create({
        ...ask('a streamed chat answer with usage'),
        stream: true,
        stream_options: { include_usage: true },
      })
      const usages = []
      for await (const { usage } of stream)
        if (usage) usages.push([usage.prompt_tokens, usage.completion_tokens])
      return usages
    },
  },
  "the cached part of a stream's input": {
    async see({ client }) {
      const request = { ...ask(`[cached] ${'the same long beginning '.repeat(80)}`), stream: true as const }
      const stream = await client.chat.completions.create({
        ...request,
        stream_options: { include_usage: true },
      })
      const seen: unknown[] = []
      for await (const { usage } of stream) if (usage) seen.push(usage.prompt_tokens_details?.cached_tokens)
      return seen
    },
  },
  'a streamed refusal of the model': {
    async see({ client }) {
      const stream = client.chat.completions.stream(ask('[refuse] something forbidden, streamed'))
      return (await stream.finalChatCompletion()).choices[0]?.message.refusal ?? null
    },
    unlike: { litellm: null },
  },
  'several answers with their probabilities': {
    async see({ client }) {
      const answer = await client.chat.completions.create({
        ...ask('several'),
        n: 2,
        logprobs: true,
        top_logprobs: 1,
      })
      return answer.choices.map(({ message, logprobs }) => [message.content, logprobs?.content?.length])
    },
  },
  'the stream helper': {
    async see({ client }) {
      const answer = await client.chat.completions.stream(ask('the stream helper')).finalChatCompletion()
      return [text(answer), answer.choices[0]?.finish_reason]
    },
  },
  'a tool call': {
    async see({ client }) {
      const answer = await client.chat.completions.create({
        ...ask('What is get_weather in Paris?'),
        tools: [weather],
      })
      const [call] = answer.choices[0]?.message.tool_calls ?? []
      return [answer.choices[0]?.finish_reason, call?.type === 'function' ? call.function : undefined]
    },
  },
  'a streamed tool call': {
    async see({ client }) {
      const stream = client.chat.completions.stream({
        ...ask('What is get_weather in Rome?'),
        tools: [weather],
      })
      const answer = await stream.finalChatCompletion()
      const [call] = answer.choices[0]?.message.tool_calls ?? []
      const called = call?.type === 'function' ? [call.function.name, call.function.arguments] : undefined
      return [answer.choices[0]?.finish_reason, called]
    },
  },
  'a tool run to its end': {
    async see({ client }) {
      const runner = client.chat.completions.runTools({
        ...ask('Tell me about get_weather in Oslo'),
        tools: [
          {
            type: 'function',
            function: {
              ...weather.function,
              parse: JSON.parse,
              function: () => 'sunny',
            },
          },
        ],
      })
      // What follows depends on every byte of the history, and LiteLLM writes that anew.
      return (await runner.finalContent())?.slice(0, 'The tool says: sunny.'.length)
    },
  },
  'a structured answer': {
    async see({ client }) {
      const answer = await client.chat.completions.parse({
        ...ask('order 17'),
        response_format: zodResponseFormat(Order, 'order'),
      })
      return answer.choices[0]?.message.parsed
    },
  },
  'a refusal of the model': {
    async see({ client }) {
      const answer = await say(client, '[refuse] something forbidden')
      return answer.choices[0]?.message.refusal ?? null
    },
    unlike: { litellm: null },
  },
  'a Response': {
    async see({ client }) {
      const answer = await client.responses.create({ model: MODEL, input: 'a Response', store: false })
      return [answer.output_text, answer.status, answer.usage?.input_tokens, answer.usage?.output_tokens]
    },
  },
  'a streamed Response': {
    async see({ client }) {
      const stream = client.responses.stream({ model: MODEL, input: 'a streamed Response', store: false })
      const answer = await stream.finalResponse()
      return [answer.output_text, answer.status]
    },
  },
  'a Response that goes on with another': {
    async see({ client, upstream }) {
      const first = await client.responses.create({ model: MODEL, input: 'remember 17' })
      const next = await client.responses.create({
        model: MODEL,
        input: 'what was it?',
        previous_response_id: first.id,
      })
      return [next.status, typeof lastBody(upstream).previous_response_id]
    },
  },
  'metadata of a Response': {
    async see({ client, upstream }) {
      const request = { model: MODEL, input: 'with metadata', metadata: { order: '17' } }
      await client.responses.create(request)
      return lastBody(upstream).metadata
    },
  },
  'metadata of a chat': {
    async see({ client, upstream }) {
      await client.chat.completions.create({
        ...ask('with metadata'),
        store: true,
        metadata: { order: '17' },
      })
      return lastBody(upstream).metadata ?? null
    },
    unlike: { litellm: null },
  },
  embeddings: {
    async see({ client }) {
      const answer = await client.embeddings.create({
        model: 'text-embedding-3-large',
        input: ['one', 'two'],
        dimensions: 4,
      })
      return [
        answer.data.map(({ embedding }) => embedding.map((x) => x.toFixed(5))),
        answer.usage.prompt_tokens,
      ]
    },
  },
  'the list of models': {
    async see({ client }) {
      const names: string[] = []
      for await (const { id } of client.models.list()) names.push(id)
      return ['gpt-4o', 'gpt-4o-mini'].every((name) => names.includes(name))
    },
  },
  'many answers at once': {
    async see({ client, upstream }) {
      const answers = await Promise.all(Array.from({ length: 10 }, () => say(client, 'the same, ten times')))
      return [new Set(answers.map(text)).size, upstream.count()]
    },
    unlike: { direct: [1, 10] },
  },
  'an answer given again': {
    async see({ client, upstream }) {
      const first = await say(client, 'given again')
      await settled()
      const { data, response } = await client.chat.completions.create(ask('given again')).withResponse()
      return [text(first) === text(data), upstream.count(), response.headers.get('x-gateway-cache')]
    },
    unlike: { direct: [true, 2, null] },
  },
  'a streamed answer given again': {
    async see({ client, upstream }) {
      const request = { ...ask('streamed, given again'), stream: true as const }
      const seen = []
      for (let time = 0; time < 2; time += 1) {
        const { data, response } = await client.chat.completions.create(request).withResponse()
        let text = ''
        for await (const chunk of data) text += chunk.choices[0]?.delta.content ?? ''
        seen.push(text, response.headers.get('x-gateway-cache'))
        await settled()
      }
      return [seen[0] === seen[2], upstream.count(), seen[3]]
    },
    unlike: { direct: [true, 2, null] },
  },
  'an answer cut by its length, asked again': {
    async see({ client, upstream }) {
      const request = { ...ask('cut by its length'), max_tokens: 5 }
      for (let time = 0; time < 2; time += 1) {
        const answer = await client.chat.completions.create(request)
        if (answer.choices[0]?.finish_reason !== 'length') throw new Error('it was not cut')
        await settled()
      }
      return upstream.count()
    },
    unlike: { litellm: 1 },
  },
  'a streamed answer given again, whole': {
    async see({ client, upstream }) {
      for await (const _ of await client.chat.completions.create({ ...ask('first streamed'), stream: true }));
      await settled()
      await say(client, 'first streamed')
      return upstream.count()
    },
    unlike: { litellm: 2, direct: 2 },
  },
  'an embedding given again': {
    async see({ client, upstream }) {
      const request = { model: 'text-embedding-3-large', input: 'given again' }
      await client.embeddings.create(request)
      await settled()
      await client.embeddings.create(request)
      return upstream.count()
    },
    unlike: { direct: 2 },
  },
  'a Response given again': {
    async see({ client, upstream }) {
      const request = { model: MODEL, input: 'a Response given again', store: false }
      const first = await client.responses.create(request)
      await settled()
      const second = await client.responses.create(request)
      return [first.output_text === second.output_text, upstream.count()]
    },
    unlike: { direct: [true, 2] },
  },
  'the same question with its members in another order': {
    async see({ client, upstream }) {
      const { messages } = ask('in any order')
      await client.chat.completions.create({ model: MODEL, messages, temperature: 0, max_tokens: 300 })
      await settled()
      await client.chat.completions.create({ max_tokens: 300, temperature: 0, messages, model: MODEL })
      return upstream.count()
    },
    unlike: { direct: 2 },
  },
  'the same question from another user': {
    async see({ client, upstream }) {
      await say(client, 'from another user')
      await settled()
      await withGateway({ user: 'ann' }, () => say(client, 'from another user'))
      return upstream.count()
    },
    unlike: { direct: 2 },
  },
  'the same question from another team': {
    async see({ client, upstream, as }) {
      await say(client, 'from another team')
      await settled()
      await say(as('ceo-insights', 'prod_ceo'), 'from another team')
      return upstream.count()
    },
  },
  'no-cache: asked afresh, and stored': {
    async see({ client, upstream }) {
      await say(client, 'no-cache')
      await settled()
      const fresh = gatewayOptions({ cache: { noCache: true } })
      await client.chat.completions.create(ask('no-cache'), fresh)
      await settled()
      await say(client, 'no-cache')
      return upstream.count()
    },
    unlike: { direct: 3 },
  },
  'no-store: not stored': {
    async see({ client, upstream }) {
      for (let time = 0; time < 2; time += 1) {
        await client.chat.completions.create(ask('no-store'), gatewayOptions({ cache: { noStore: true } }))
        await settled()
      }
      return upstream.count()
    },
  },
  'a namespace of its own': {
    async see({ client, upstream }) {
      for (const namespace of ['a', 'a', 'b']) {
        await client.chat.completions.create(ask('namespace'), gatewayOptions({ cache: { namespace } }))
        await settled()
      }
      return upstream.count()
    },
    unlike: { direct: 3 },
  },
  'a ttl of a second': {
    async see({ client, upstream }) {
      await client.chat.completions.create(ask('ttl'), gatewayOptions({ cache: { ttl: 1 } }))
      await new Promise((resolve) => setTimeout(resolve, 1_600))
      await say(client, 'ttl')
      return upstream.count()
    },
  },
  "LiteLLM's own cache field": {
    async see({ client, upstream }) {
      const body = { ...ask('litellm field'), cache: { 'no-store': true } }
      await client.chat.completions.create(body)
      await settled()
      await client.chat.completions.create(body)
      return [upstream.count(), 'cache' in lastBody(upstream)]
    },
    unlike: { direct: [2, true] },
  },
  'only if cached': {
    async see({ client, upstream }) {
      const only = gatewayOptions({ cache: { onlyIfCached: true } })
      return [await failure(client.chat.completions.create(ask('only if cached'), only)), upstream.count()]
    },
    unlike: { direct: ['no error', 1] },
  },
  'a long question': {
    async see({ client }) {
      return (await say(client, LONG)).model
    },
    unlike: { direct: MODEL },
  },
  'a question without a model': {
    async see({ client, upstream }) {
      const { messages } = ask('no model named')
      const failed = await failure(client.chat.completions.create({ messages } as never))
      return [failed, upstream.requests.at(-1)?.model]
    },
    unlike: {
      direct: [{ name: 'BadRequestError', status: 400, code: null, type: 'invalid_request_error' }, ''],
    },
  },
  'a bad request': {
    async see({ client, upstream }) {
      upstream.fail({ type: 'status', status: 400 })
      return [await failure(say(client, 'a bad request')), upstream.count()]
    },
  },
  'a wrong upstream key': {
    async see({ client, upstream }) {
      upstream.fail({ type: 'status', status: 401 })
      return await failure(say(client, 'a wrong upstream key'))
    },
  },
  'upstream out of money': {
    async see({ client, upstream }) {
      upstream.fail({ type: 'status', status: 429, code: 'insufficient_quota' }, { times: 3 })
      return await failure(say(client, 'out of money'))
    },
  },
  'upstream broken': {
    async see({ client, upstream }) {
      upstream.fail({ type: 'status', status: 500 }, { times: 20 })
      return await failure(client.chat.completions.create(ask('broken'), { maxRetries: 0 }))
    },
  },
  'upstream broken for a moment': {
    async see({ client, upstream }) {
      upstream.fail({ type: 'status', status: 503 })
      return [await failure(say(client, 'broken for a moment')), upstream.count()]
    },
  },
  'upstream busy for a moment': {
    async see({ client, upstream }) {
      upstream.fail({ type: 'status', status: 429 })
      return [await failure(say(client, 'busy for a moment')), upstream.count()]
    },
  },
  'a question too long for the model': {
    async see({ client, upstream }) {
      upstream.fail(
        { type: 'status', status: 400, code: 'context_length_exceeded' },
        { when: { model: MODEL } },
      )
      const failed = await failure(say(client, 'too long for the model'))
      return [failed, upstream.requests.at(-1)?.model]
    },
    unlike: {
      direct: [
        {
          name: 'BadRequestError',
          status: 400,
          code: 'context_length_exceeded',
          type: 'invalid_request_error',
        },
        MODEL,
      ],
    },
  },
  'an error in mid-stream': {
    async see({ client, upstream }) {
      upstream.fail({ type: 'error-event', afterChunks: 3 })
      const stream = await client.chat.completions.create({ ...ask('error in mid-stream'), stream: true })
      const read = async () => {
        for await (const _ of stream);
      }
      const failed = (await failure(read())) as { name: string }
      return failed.name
    },
  },
  'a stream that breaks': {
    async see({ client, upstream }) {
      upstream.fail({ type: 'cut', afterChunks: 3 })
      const stream = await client.chat.completions.create({ ...ask('a stream that breaks'), stream: true })
      const read = async () => {
        for await (const _ of stream);
      }
      const failed = await failure(read())
      return failed === 'no error' ? failed : 'an error'
    },
  },
  'a stream that stops without its end': {
    async see({ client, upstream }) {
      upstream.fail({ type: 'end', afterChunks: 3 })
      const stream = await client.chat.completions.create({ ...ask('stops without its end'), stream: true })
      let reason: string | null = null
      for await (const chunk of stream) reason = chunk.choices[0]?.finish_reason ?? reason
      return reason
    },
    unlike: { litellm: 'stop' },
  },
  'a caller who leaves': {
    async see({ client, upstream }) {
      upstream.fail({ type: 'slow', chunkDelayMs: 50 })
      const stream = await client.chat.completions.create({ ...ask('a caller who leaves'), stream: true })
      for await (const _ of stream) break
      return stream.controller.signal.aborted
    },
  },
  'a limit of requests': {
    async see({ as }) {
      const few = as('few', 'few')
      const seen = []
      for (let time = 0; time < 3; time += 1) seen.push(await failure(say(few, `limit of requests ${time}`)))
      return seen
    },
    unlike: { direct: ['no error', 'no error', 'no error'] },
  },
  'hits beyond a limit of requests': {
    async see({ as }) {
      const hits = as('hits', 'hits')
      const seen: unknown[] = []
      for (let time = 0; time < 3; time += 1) {
        const failed = await failure(say(hits, 'the same within a limit'))
        seen.push(typeof failed === 'string' ? failed : (failed as { code: string }).code)
        await settled()
      }
      return seen
    },
    unlike: { litellm: ['no error', 'no error', 'gateway_rpm_exceeded'] },
  },
  'a limit of tokens': {
    async see({ as }) {
      const short = as('short', 'short')
      return await failure(say(short, LONG))
    },
    unlike: { direct: 'no error' },
  },
  'a maximum output above the limit of tokens': {
    async see({ as }) {
      const short = as('short', 'short')
      return await failure(short.chat.completions.create({ ...ask('a large maximum'), max_tokens: 16_000 }))
    },
    unlike: {
      litellm: {
        name: 'RateLimitError',
        status: 429,
        code: 'gateway_tpm_exceeded',
        type: 'rate_limit_error',
      },
    },
  },
  'a model that is not allowed': {
    async see({ as, upstream }) {
      const mini = as('mini', 'mini')
      return [await failure(mini.chat.completions.create({ ...ask('x'), model: 'gpt-4o' })), upstream.count()]
    },
    unlike: { direct: ['no error', 1] },
  },
  'an unknown key': {
    async see({ as }) {
      return await failure(say(as('support', 'nobody'), 'an unknown key'))
    },
    unlike: { direct: 'no error' },
  },
}
