import { describe, expect, test } from 'vitest'
import { count, inputOf, nano, policy, worstOf } from './cost/kit.ts'
import { price } from './cost/prices.ts'
import { agreeOn, drain, question, USAGE, world } from './cost/world.ts'
import { setup, until } from './support.ts'

describe('what upstream never counted is estimated for the record; its worst case stays in the budget', () => {
  const TEXT = 'The order left on Tuesday and should be there by the end of the week.'

  test('a stream without usage', async () => {
    const it = await world({ policy: { ...policy, streamUsage: 'never' } })
    it.upstream.answer({ text: TEXT })
    const body = { ...question('Where is it?'), stream: true as const }
    await drain(await it.client.chat.completions.create(body))
    const cost = price('gpt-4o-mini', { input: inputOf('Where is it?'), output: count(TEXT) })
    const record = await agreeOn(it, cost, worstOf(body) - cost)
    expect(record).toMatchObject({ status: 'ok', estimated: true })
  })

  test.each(['cut', 'end', 'error-event', 'malformed'] as const)('a stream that breaks: %s', async (type) => {
    const it = await world()
    it.upstream.answer({ text: TEXT })
    // The first chunk brings the role, and each of the others a word.
    it.upstream.fail({ type, afterChunks: 6 })
    const body = { ...question('Where is it?'), stream: true as const }
    await drain(await it.client.chat.completions.create(body)).catch(() => undefined)
    const output = count(TEXT.split(' ').slice(0, 5).join(' '))
    const cost = price('gpt-4o-mini', { input: inputOf('Where is it?'), output })
    const record = await agreeOn(it, cost, worstOf(body) - cost)
    expect(record).toMatchObject({ estimated: true })
  })

  test('a stream whose caller leaves: what was produced in the record, all that may come in the budget', async () => {
    const it = await world()
    const event = (content: string) => {
      const choices = [{ index: 0, delta: { content }, finish_reason: null }]
      const chunk = { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'gpt-4o-mini', choices }
      return `data: ${JSON.stringify(chunk)}\n\n`
    }
    it.upstream.answer({ chunks: [event('The order ') + event('left on Tuesday'), event(' never sent')] })
    it.upstream.fail({ type: 'hang', after: 'headers' })
    const body = { ...question('Where is it?'), stream: true as const }
    const stream = await it.client.chat.completions.create(body)
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content?.includes('Tuesday')) break
    await until(() => it.records.length > 0, 'its record')
    const output = count('The order left on Tuesday')
    const cost = price('gpt-4o-mini', { input: inputOf('Where is it?'), output })
    const record = await agreeOn(it, cost, worstOf(body) - cost)
    expect(record).toMatchObject({ status: 'aborted', estimated: true })
  })

  test('embeddings without usage cost their input, and no vector is taken for words', async () => {
    const fetch = (async (_: unknown, init?: RequestInit) => {
      const data = [
        { object: 'embedding', index: 0, embedding: Array.from({ length: 100 }, (_, at) => at / 7) },
      ]
      expect(init?.method).toBe('POST')
      return Response.json({ object: 'list', data, model: 'text-embedding-3-large' })
    }) as typeof globalThis.fetch
    const own = await setup({ agent: 'ann', policy }, { fetch })
    await own.client.embeddings.create({
      model: 'text-embedding-3-large',
      input: 'a few words',
      encoding_format: 'float',
    })
    await own.client.gateway.flush()
    expect(own.records[0]).toMatchObject({ estimated: true, usage: { output: 0 } })
    expect(nano(own.records[0]?.costUsd)).toBe(
      price('text-embedding-3-large', { input: count('a few words') }),
    )
  })
})

describe('several attempts', () => {
  const WAIT = { 'retry-after-ms': '1' }
  const { input, output, cached } = USAGE

  test('those that upstream refused cost nothing', async () => {
    const it = await world({ policy: { ...policy, routing: {} } })
    it.upstream.answer({ text: 'Yes.', usage: USAGE })
    it.upstream.fail({ type: 'status', status: 500, headers: WAIT }, { times: 2 })
    await it.client.chat.completions.create(question('q', 'gpt-4o'))
    const record = await agreeOn(it, price('gpt-4o', { input, output, cached }))
    expect(record.attempts.map(({ status }) => status)).toEqual([500, 500, 200])
  })

  test('one that timed out may have been read: its question is charged, and the rest of its worst case is in doubt', async () => {
    const it = await world({ policy: { ...policy, routing: {} } })
    it.upstream.answer({ text: 'Yes.', usage: USAGE })
    it.upstream.fail({ type: 'hang' })
    const body = question('Where is it?')
    await it.client.chat.completions.create(body, { timeout: 200 })
    const first = price('gpt-4o-mini', { input: inputOf('Where is it?') })
    const second = price('gpt-4o-mini', { input, output, cached })
    const record = await agreeOn(it, first + second, worstOf(body) - first)
    expect(record).toMatchObject({ status: 'ok', estimated: true })
    expect(record.attempts).toHaveLength(2)
  })

  test.each(['embedded', 'direct'] as const)(
    'one whose body took too long is in the same record as the one that took its place (%s)',
    async (mode) => {
      const it = await world({ mode, policy: { ...policy, routing: {} } })
      it.upstream.answer({ text: 'Yes.', usage: USAGE }, { text: 'Yes.', usage: USAGE })
      it.upstream.fail({ type: 'hang', after: 'headers' })
      // On a machine that does much else, the headers must arrive within it.
      await it.client.chat.completions.create(question('Where is it?'), { timeout: 2_000 })
      await it.client.gateway.flush()
      const second = price('gpt-4o-mini', { input, output, cached })
      expect(it.records).toHaveLength(1)
      expect(it.records[0]?.attempts.map(({ status }) => status)).toEqual([200, 200])
      expect(it.records[0]).toMatchObject({ status: 'ok', estimated: true })
      const cost = nano(it.records[0]?.costUsd)
      expect(cost).toBeGreaterThanOrEqual(price('gpt-4o-mini', { input: inputOf('Where is it?') }) + second)
      expect(nano(it.client.gateway.stats().costUsd)).toBe(cost)
    },
  )

  test('after a failover the model that answered is paid', async () => {
    const it = await world()
    it.upstream.answer({ text: 'Yes.', usage: USAGE })
    it.upstream.fail({ type: 'status', status: 503 })
    await it.client.chat.completions.create(question('q'))
    const record = await agreeOn(it, price('gpt-4o', { input, output, cached }))
    expect(record).toMatchObject({ route: 'failover', model: 'gpt-4o' })
  })

  test('a call that is given up before it leaves costs nothing, anywhere', async () => {
    const it = await world()
    const leave = AbortSignal.abort()
    await expect(it.client.chat.completions.create(question('q'), { signal: leave })).rejects.toThrow()
    const controller = new AbortController()
    const asked = it.client.chat.completions.create(question('q'), { signal: controller.signal })
    await Promise.resolve()
    controller.abort()
    await expect(asked).rejects.toThrow()
    await it.client.gateway.flush()
    const { requests } = it.upstream
    expect(nano(it.client.gateway.stats().costUsd)).toBe(
      requests.length * price('gpt-4o-mini', { input: inputOf('q') }),
    )
  })
})

describe('answers without a cost', () => {
  const { input, output, cached } = USAGE
  const cost = price('gpt-4o', { input, output, cached })

  test('a hit costs nothing, and saves what it would have cost', async () => {
    const it = await world()
    it.upstream.answer({ text: 'Yes.', usage: USAGE })
    for (let time = 0; time < 3; time += 1) await it.client.chat.completions.create(question('q', 'gpt-4o'))
    await agreeOn(it, cost)
    expect(it.records.map(({ costUsd, savedUsd }) => [nano(costUsd), nano(savedUsd)])).toEqual([
      [cost, 0],
      [0, cost],
      [0, cost],
    ])
  })

  test('of identical calls in flight one pays, and the others save', async () => {
    const it = await world({}, { latencyMs: 50 })
    it.upstream.answer({ text: 'Yes.', usage: USAGE })
    await Promise.all(
      Array.from({ length: 5 }, () => it.client.chat.completions.create(question('q', 'gpt-4o'))),
    )
    await agreeOn(it, cost)
    expect(nano(it.client.gateway.stats().savedUsd)).toBe(4 * cost)
    expect(it.upstream.count({ model: 'gpt-4o' })).toBe(1)
  })
})
