import { describe, expect, test } from 'vitest'
import { ask, setup, until } from '../support.ts'
import { leavesNothingUnhandled, open, streamed, tried } from './kit.ts'
import { outcomeOf } from './outcome.ts'
import { all } from './streams.ts'

describe('many at once', () => {
  test('1,000 identical calls, whole, streamed and by the helper, make one upstream call and get one answer', async () => {
    const { client, bare, upstream } = await setup(open, {}, { latencyMs: 150, chunkDelayMs: 1 })
    const { choices } = await bare.chat.completions.create(ask('x'))
    const expected = choices[0]?.message.content
    upstream.reset()
    const asks = [
      async () => (await client.chat.completions.create(ask('x'))).choices[0]?.message.content,
      async () => {
        const chunks = await all(await client.chat.completions.create(streamed('x')))
        return chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')
      },
      () => client.chat.completions.stream(streamed('x')).finalContent(),
    ]
    const texts = await Promise.all(Array.from({ length: 1_000 }, (_, at) => asks[at % 3]?.()))
    expect([...new Set(texts)]).toEqual([expected])
    expect(upstream.count()).toBe(1)
  })

  test.each(tried(['whole', 'streamed']))(
    'half of 200 leave, and the others have everything: %s',
    async (shape) => {
      const { client, bare, upstream } = await setup(open, {}, { latencyMs: 30, chunkDelayMs: 5 })
      const expected = (await bare.chat.completions.create(ask('x'))).choices[0]?.message.content
      upstream.reset()
      const controllers = Array.from({ length: 200 }, () => new AbortController())
      const calls = controllers.map(async ({ signal }) => {
        if (shape === 'whole')
          return (await client.chat.completions.create(ask('x'), { signal })).choices[0]?.message.content
        const chunks = await all(await client.chat.completions.create(streamed('x'), { signal }))
        return chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')
      })
      const settled = Promise.allSettled(calls)
      for (const [at, controller] of controllers.entries())
        if (at % 2 === 0) setTimeout(() => controller.abort(), at / 2)
      const results = await settled
      const stayed = results.filter((_, at) => at % 2 === 1)
      expect(
        new Set(stayed.map((result) => (result.status === 'fulfilled' ? result.value : 'failed'))),
      ).toEqual(new Set([expected]))
      expect(upstream.count()).toBe(1)
      expect(upstream.requests[0]?.aborted).toBe(false)
    },
  )

  test('the last to leave cancels upstream, and who comes then is served', async () => {
    for (const shape of ['whole', 'streamed']) {
      const { client, upstream } = await setup(open)
      upstream.fail({ type: 'hang', after: 'headers' })
      const controllers = Array.from({ length: 10 }, () => new AbortController())
      const calls = controllers.map(({ signal }) =>
        outcomeOf(async () =>
          shape === 'whole'
            ? await client.chat.completions.create(ask('x'), { signal })
            : await all(await client.chat.completions.create(streamed('x'), { signal })),
        ),
      )
      await until(() => upstream.count() === 1, 'the request arrives')
      await new Promise((resolve) => setTimeout(resolve, 30))
      for (const controller of controllers.slice(1)) controller.abort()
      await new Promise((resolve) => setTimeout(resolve, 30))
      expect(upstream.requests[0]?.aborted).toBe(false)
      controllers[0]?.abort()
      await Promise.all(calls)
      await upstream.requests[0]?.closed
      expect(upstream.requests[0]?.aborted).toBe(true)
      expect((await client.chat.completions.create(ask('x'))).choices).toHaveLength(1)
      expect(upstream.count()).toBe(2)
    }
  })
})

leavesNothingUnhandled()
