import type OpenAI from 'openai'
import { describe, expect, test } from 'vitest'
import { ask, setup, until } from '../support.ts'
import { leavesNothingUnhandled, open, streamed, tried, ways } from './kit.ts'
import { errorOf, type Outcome, outcomeOf } from './outcome.ts'
import { all } from './streams.ts'

const withoutCause = (outcome: Outcome) => ({ ...outcome, ...errorOf(outcome), cause: undefined, error: 0 })

describe('timeouts, aborts and early ends', () => {
  test('a timeout, before the headers and in the middle of a whole body, as often as with the bare client', async () => {
    const attempts = async (after: 'request' | 'headers', maxRetries: number) => {
      const { client, bare, upstream } = await setup(open)
      const run = async (of: OpenAI) => {
        upstream.reset()
        upstream.fail({ type: 'hang', after }, { times: 9 })
        // Long enough for a request to arrive on a busy machine, so that arrivals are attempts.
        const options = { timeout: 2_000, maxRetries }
        return [
          withoutCause(await outcomeOf(() => of.chat.completions.create(ask('x'), options))),
          upstream.count(),
        ]
      }
      const expected = await run(bare)
      expect([after, maxRetries, await run(client)]).toStrictEqual([after, maxRetries, expected])
    }
    const both = ['request', 'headers'] as const
    await Promise.all(both.flatMap((after) => [0, 1].map((maxRetries) => attempts(after, maxRetries))))
  })

  test('a timeout in the middle of a whole body has the cause that it has on the bare client', async () => {
    const { client, bare, upstream } = await setup(open)
    upstream.fail({ type: 'hang', after: 'headers' }, { times: 9 })
    const run = (of: OpenAI) =>
      outcomeOf(() => of.chat.completions.create(ask('x'), { timeout: 500, maxRetries: 0 }))
    expect(await run(client)).toStrictEqual(await run(bare))
  })

  test('.asResponse() gives the Response as soon as its headers are there, however slow a whole body is', async () => {
    const { client, bare, upstream } = await setup(open)
    upstream.fail({ type: 'hang', after: 'headers' }, { times: 2 })
    for (const each of [bare, client]) {
      const options = { timeout: 20_000, maxRetries: 0 }
      const response = await each.chat.completions.create(ask('x'), options).asResponse()
      expect([response.status, response.bodyUsed]).toEqual([200, false])
      await response.body?.cancel()
    }
  })

  test.each(
    tried([
      ['no reason', undefined],
      ['an Error', new Error('mine')],
      ['a string', 'because'],
    ]),
  )('an abort with %s, before and during the call', async (_, reason) => {
    for (const early of [true, false])
      for (const [, run] of ways) {
        const { client, bare, upstream } = await setup(open)
        const attempt = async (of: OpenAI) => {
          upstream.reset()
          upstream.fail({ type: 'hang' }, { times: 9 })
          const controller = new AbortController()
          if (early) controller.abort(reason)
          const outcome = run(of, { signal: controller.signal })
          if (!early) {
            await until(() => upstream.count() > 0, 'the request arrives')
            controller.abort(reason)
          }
          return [await outcome, upstream.count()]
        }
        expect(await attempt(client)).toStrictEqual(await attempt(bare))
      }
  })

  test('an abort in the middle of a stream ends it as on the bare client and stops upstream', async () => {
    const { client, bare, upstream } = await setup(open, {}, { chunkDelayMs: 200 })
    const bySignal = async (of: OpenAI) => {
      const controller = new AbortController()
      const stream = await of.chat.completions.create(streamed('x'), { signal: controller.signal })
      return await outcomeOf(async () => {
        for await (const _ of stream) controller.abort(new Error('mine'))
      })
    }
    const byController = async (of: OpenAI) => {
      const stream = await of.chat.completions.create(streamed('y'))
      return await outcomeOf(async () => {
        for await (const _ of stream) stream.controller.abort()
      })
    }
    const byHelper = async (of: OpenAI) => {
      const stream = of.chat.completions.stream(streamed('z'))
      stream.on('content', () => stream.abort())
      return await outcomeOf(() => stream.finalChatCompletion())
    }
    const byThrowing = async (of: OpenAI) => {
      const stream = await of.chat.completions.create(streamed('w'))
      return await outcomeOf(async () => {
        for await (const _ of stream) throw new Error('enough')
      })
    }
    for (const run of [bySignal, byController, byHelper, byThrowing]) {
      upstream.reset()
      const expected = await run(bare)
      expect(await run(client)).toStrictEqual(expected)
      await Promise.all(upstream.requests.map(({ closed }) => closed))
      expect(upstream.requests.map(({ aborted }) => aborted)).toEqual([true, true])
    }
  })

  test('an early end of a hit harms nothing', async () => {
    const { client, upstream } = await setup(open)
    await client.chat.completions.create(ask('x'))
    for (let round = 0; round < 3; round += 1)
      for await (const _ of await client.chat.completions.create(streamed('x'))) break
    const stream = await client.chat.completions.create(streamed('x'))
    for await (const _ of stream) stream.controller.abort()
    const [left, right] = (await client.chat.completions.create(streamed('x'))).tee()
    for await (const _ of left) break
    expect((await all(right)).length).toBeGreaterThan(2)
    expect(upstream.count()).toBe(1)
  })
})

leavesNothingUnhandled()
