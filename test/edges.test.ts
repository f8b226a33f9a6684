import { setTimeout as sleep } from 'node:timers/promises'
import OpenAI from 'openai'
import { describe, expect, test } from 'vitest'
import { ask, setup, until } from './support.ts'

/** The same, streamed and with its usage. */
const streamed = (content: string) => ({
  ...ask(content),
  stream: true as const,
  stream_options: { include_usage: true },
})

describe('the end of an answer', () => {
  test('a stream that is read to [DONE] is stored, every time, though the SDK cancels its body there', async () => {
    const { client, upstream } = await setup()
    for (let round = 0; round < 50; round += 1) {
      for await (const _ of await client.chat.completions.create(streamed(`question ${round}`)));
      const { response } = await client.chat.completions.create(ask(`question ${round}`)).withResponse()
      expect(response.headers.get('x-gateway-cache')).toBe('exact')
    }
    expect(upstream.count()).toBe(50)
  })

  test('a break at finish_reason still learns the usage; a break at the third chunk cancels upstream', async () => {
    const { client, upstream, records } = await setup({}, {}, { chunkDelayMs: 3 })
    for await (const chunk of await client.chat.completions.create(streamed('one')))
      if (chunk.choices[0]?.finish_reason) break
    let seen = 0
    for await (const _ of await client.chat.completions.create(streamed('two'))) {
      seen += 1
      if (seen === 3) break
    }
    await client.gateway.flush()
    expect(records.map(({ status, estimated }) => [status, estimated])).toEqual([
      ['ok', false],
      ['aborted', true],
    ])
    await Promise.all(upstream.requests.map((request) => request.closed))
    expect(upstream.requests.map((request) => request.aborted)).toEqual([false, true])
  })

  test('neither a cut nor a clean but early end is delivered as a whole answer or stored', async () => {
    const { client, upstream, records } = await setup({ policy: { routing: {} } })
    upstream.fail({ type: 'cut', afterChunks: 3 })
    await expect(client.chat.completions.stream(streamed('cut')).finalChatCompletion()).rejects.toThrow()
    upstream.fail({ type: 'end', afterChunks: 3 })
    await expect(client.chat.completions.stream(streamed('end')).finalChatCompletion()).rejects.toThrow()
    await client.gateway.flush()
    expect(records.map(({ status }) => status)).toEqual(['failed', 'aborted'])
    await client.chat.completions.create(ask('cut'))
    await client.chat.completions.create(ask('end'))
    expect(upstream.count()).toBe(4)
  })

  test('an error event in mid-stream reaches the caller as the bare client would see it, and is not stored', async () => {
    const { client, bare, upstream } = await setup()
    const fail = async (of: OpenAI) => {
      upstream.fail({ type: 'error-event', afterChunks: 2 })
      try {
        for await (const _ of await of.chat.completions.create(streamed('x')));
        return 'no error'
      } catch (error) {
        return `${(error as Error).constructor.name}: ${(error as Error).message}`
      }
    }
    expect(await fail(client)).toBe(await fail(bare))
    await client.chat.completions.create(ask('x'))
    expect(upstream.count()).toBe(3)
  })
})

describe('how readers leave', () => {
  test('a caller that aborts a whole answer stops upstream and gets its own error', async () => {
    const { client, upstream, records } = await setup()
    upstream.fail({ type: 'hang' })
    const controller = new AbortController()
    const call = client.chat.completions.create(ask('x'), { signal: controller.signal })
    await until(() => upstream.count() === 1, 'the request arrives')
    controller.abort()
    await expect(call).rejects.toBeInstanceOf(OpenAI.APIUserAbortError)
    await upstream.requests[0]?.closed
    await client.gateway.flush()
    expect(records).toMatchObject([{ status: 'aborted', estimated: true }])
  })

  test('a timeout before the headers fires as with the bare client', async () => {
    const { client, bare, upstream } = await setup()
    for (const each of [bare, client]) {
      upstream.fail({ type: 'hang' }, { times: 9 })
      await expect(
        each.chat.completions.create(ask('x'), { timeout: 60, maxRetries: 0 }),
      ).rejects.toBeInstanceOf(OpenAI.APIConnectionTimeoutError)
      upstream.reset()
    }
  })

  test('a stream that is not iterated ends its record once it is complete', async () => {
    const { client, records } = await setup()
    await client.chat.completions.create(streamed('x'))
    await until(() => records.length === 1, 'the record')
    expect(records[0]).toMatchObject({ status: 'ok', cache: 'miss' })
  })

  test('a stream that is dropped unread while upstream hangs is cancelled by the garbage collector', async () => {
    const { client, upstream } = await setup()
    upstream.fail({ type: 'hang', after: 'headers' })
    await (async () => void (await client.chat.completions.create(streamed('x'))))()
    const collect = (globalThis as { gc?: () => void }).gc
    if (collect === undefined) throw new Error('run with --expose-gc')
    for (let round = 0; round < 100 && !upstream.requests[0]?.aborted; round += 1) {
      collect()
      await sleep(20)
    }
    expect(upstream.requests[0]?.aborted).toBe(true)
  })

  test('cancel() of a body settles at once, also while upstream hangs', async () => {
    const { client, upstream } = await setup()
    upstream.fail({ type: 'hang', after: 'headers' })
    const response = await client.chat.completions.create(streamed('x')).asResponse()
    await response.body?.cancel()
    await upstream.requests[0]?.closed
  })

  test('listeners are taken off a long-lived signal when its calls end', async () => {
    const { client } = await setup()
    const controller = new AbortController()
    let listeners = 0
    const { signal } = controller
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)]
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners += 1
      add(...args)
    }
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners -= 1
      remove(...args)
    }
    const before = listeners
    for (let round = 0; round < 20; round += 1)
      await client.chat.completions.create(ask(`q${round % 3}`), { signal })
    expect(listeners - before).toBeLessThanOrEqual(20)
  })
})

test('no-cache asks afresh and shares no flight; only-if-cached refuses what it does not know', async () => {
  const { client, upstream } = await setup()
  const { gatewayOptions, withGateway } = await import('@hotdash/llm-gateway')
  const votes = Array.from({ length: 5 }, () =>
    client.chat.completions.create(ask('vote'), gatewayOptions({ cache: { noCache: true } })),
  )
  await Promise.all(votes)
  expect(upstream.count()).toBe(5)
  const only = withGateway({ cache: { onlyIfCached: true } }, () =>
    client.chat.completions.create(ask('new')),
  )
  await expect(only).rejects.toMatchObject({ status: 504, code: 'gateway_not_cached' })
})
