import { setTimeout as sleep } from 'node:timers/promises'
import { ask, type Behaviours, failure, read, streamed, text } from './agent.ts'

const withUsage = { stream_options: { include_usage: true } }

export const streams: Behaviours = {
  'a streamed chat answer': {
    async see({ client }) {
      const stream = await client.chat.completions.create(streamed('a streamed chat answer'))
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
      const stream = await client.chat.completions.create({ ...streamed('with usage'), ...withUsage })
      const usages = []
      for await (const { usage } of stream)
        if (usage) usages.push([usage.prompt_tokens, usage.completion_tokens])
      return usages
    },
  },
  "the cached part of a stream's input": {
    async see({ client }) {
      const question = streamed(`[cached] ${'the same long beginning '.repeat(80)}`)
      const seen: unknown[] = []
      for await (const { usage } of await client.chat.completions.create({ ...question, ...withUsage }))
        if (usage) seen.push(usage.prompt_tokens_details?.cached_tokens)
      return seen
    },
  },
  'the stream helper': {
    async see({ client }) {
      const answer = await client.chat.completions.stream(ask('the stream helper')).finalChatCompletion()
      return [text(answer), answer.choices[0]?.finish_reason]
    },
  },
  'a streamed refusal of the model': {
    async see({ client }) {
      const stream = client.chat.completions.stream(ask('[refuse] something forbidden, streamed'))
      return typeof (await stream.finalChatCompletion()).choices[0]?.message.refusal
    },
    seen: 'string',
  },
  'an error in mid-stream': {
    async see({ client, upstream }) {
      upstream.fail({ type: 'error-event', afterChunks: 3, message: 'overloaded' })
      let chunks = 0
      const failed = await failure(
        (async () => {
          for await (const _ of await client.chat.completions.create(streamed('error in mid-stream')))
            chunks += 1
        })(),
      )
      return [(failed as { name: string }).name, chunks > 0]
    },
    seen: ['APIError', true],
  },
  'a stream that breaks off': {
    async see({ client, upstream }) {
      // Each attempt: what is cut before anybody has seen of it is asked for again, and rightly.
      upstream.fail({ type: 'cut', afterChunks: 3 }, { times: 10 })
      const cut = async () => read(await client.chat.completions.create(streamed('cut'), { maxRetries: 0 }))
      return (await failure(cut())) === 'no error'
    },
    seen: false,
  },
  'a stream that stops without its end': {
    async see({ client, upstream }) {
      upstream.fail({ type: 'end', afterChunks: 3 })
      let reason: string | null = null
      for await (const chunk of await client.chat.completions.create(streamed('stops without its end')))
        reason = chunk.choices[0]?.finish_reason ?? reason
      return reason
    },
    seen: null,
  },
  'who leaves in mid-stream stops upstream': {
    async see({ client, upstream }) {
      upstream.fail({ type: 'slow', chunkDelayMs: 50 })
      const stream = await client.chat.completions.create(streamed('a caller who leaves'))
      for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break
      await upstream.requests[0]?.closed
      return [stream.controller.signal.aborted, upstream.requests[0]?.aborted]
    },
    seen: [true, true],
  },
  'who leaves before the answer stops upstream': {
    async see({ client, upstream }) {
      upstream.fail({ type: 'hang' })
      const failed = await failure(
        client.chat.completions.create(ask('late'), { timeout: 700, maxRetries: 0 }),
      )
      // LiteLLM lets it go on, for minutes.
      await Promise.race([upstream.requests[0]?.closed, sleep(3_000)])
      return [(failed as { name: string }).name, upstream.requests[0]?.aborted]
    },
    seen: ['APIConnectionTimeoutError', true],
  },
}
