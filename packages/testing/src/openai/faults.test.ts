import { once } from 'node:events'
import { connect } from 'node:net'
import OpenAI from 'openai'
import { expect, test, vi } from 'vitest'
import { allowLogInFile } from '../../../../test/console.ts'
import { all, ask, errorOf, setup } from './test-setup.ts'

/** The SDK's own words about a chunk that is no JSON. */
allowLogInFile(/^Could not parse message into JSON:/, /^From chunk:/)

const streamed = (content = 'x') => ({ ...ask(content), stream: true as const })

test('a latency fault delays one answer only', async () => {
  const { client, upstream } = await setup()
  upstream.fail({ type: 'latency', ms: 80 })
  const start = performance.now()
  await client.chat.completions.create(ask('x'))
  expect(performance.now() - start).toBeGreaterThanOrEqual(75)
  upstream.fail({ type: 'latency', ms: 3_600_000 })
  const settled = vi.fn()
  client.chat.completions.create(ask('delayed')).then(settled, settled)
  await vi.waitFor(() => expect(upstream.count()).toBe(2), { timeout: 15_000 })
  await client.chat.completions.create(ask('x'))
  expect(settled).not.toHaveBeenCalled()
})

test("a status fault is an error in OpenAI's shape; fields left out follow from its code", async () => {
  const { client, upstream } = await setup()
  upstream.fail({
    type: 'status',
    status: 429,
    code: 'insufficient_quota',
    retryAfter: 3,
    headers: { 'x-a': 'b' },
  })
  const error = await errorOf(client.chat.completions.create(ask('x')))
  expect(error).toBeInstanceOf(OpenAI.RateLimitError)
  expect(error).toMatchObject({ code: 'insufficient_quota', type: 'insufficient_quota', param: null })
  expect([error?.headers?.get('retry-after'), error?.headers?.get('x-a')]).toEqual(['3', 'b'])
  upstream.fail({ type: 'status', status: 400, code: 'context_length_exceeded', param: 'messages' })
  expect(await errorOf(client.chat.completions.create(ask('x')))).toMatchObject({
    status: 400,
    param: 'messages',
    message: expect.stringContaining('context window'),
  })
})

test('a reset fault closes the socket before any byte', async () => {
  const { upstream } = await setup()
  upstream.fail({ type: 'reset', after: 'accept' })
  const socket = connect(upstream.port, '127.0.0.1')
  let bytes = 0
  socket.on('data', (piece) => {
    bytes += piece.length
  })
  const [error] = await Promise.all([
    once(socket, 'error').then(([error]) => error as NodeJS.ErrnoException),
    socket.write('GET /v1/models HTTP/1.1\r\nhost: x\r\nauthorization: Bearer k\r\n\r\n'),
  ])
  expect([error.code, bytes]).toEqual(['ECONNRESET', 0])
  expect(upstream.requests[0]).toMatchObject({ path: '/v1/models', aborted: false })
})

test('a reset after the headers is an answer without a body', async () => {
  const { client, upstream } = await setup()
  upstream.fail({ type: 'reset', after: 'headers' })
  const response = await client.chat.completions.create(streamed()).asResponse()
  expect(response.status).toBe(200)
  await expect(response.text()).rejects.toThrow('terminated')
})

test('a hang after the headers sends the first chunk and then nothing, until the client disconnects', async () => {
  const { client, upstream } = await setup()
  upstream.fail({ type: 'hang', after: 'headers' })
  let chunks = 0
  const stream = await client.chat.completions.create(streamed())
  setTimeout(() => stream.controller.abort(), 50)
  for await (const _ of stream) chunks += 1
  await upstream.requests[0]?.closed
  expect([chunks, upstream.requests[0]?.aborted]).toEqual([1, true])
})

test('a cut breaks streams after a number of chunks and whole answers in the middle, and does not count as an abort by the client', async () => {
  const { client, upstream } = await setup()
  upstream.fail({ type: 'cut', afterChunks: 3 }, { times: 2 })
  await expect(all(await client.chat.completions.create(streamed()))).rejects.toThrow('terminated')
  expect(await errorOf(client.chat.completions.create(ask('x')))).toBeDefined()
  await Promise.all(upstream.requests.map(({ closed }) => closed))
  expect(upstream.requests.map(({ aborted }) => aborted)).toEqual([false, false])
})

test('an end fault is a clean end without [DONE]', async () => {
  const { client, upstream } = await setup()
  upstream.fail({ type: 'end', afterChunks: 2 })
  const text = await (await client.chat.completions.create(streamed()).asResponse()).text()
  expect([text.match(/^data: /gm)?.length, text.includes('[DONE]')]).toEqual([2, false])
})

test("an error event has the shape of its endpoint, and is the client's own error", async () => {
  const { client, upstream } = await setup()
  upstream.fail({ type: 'error-event', afterChunks: 1, message: 'Overloaded.' }, { times: 3 })
  const raw = await (await client.chat.completions.create(streamed()).asResponse()).text()
  expect(raw).toMatch(/\n\ndata: \{"error":\{"message":"Overloaded\.","type":"server_error"[^\n]*\n\n$/)
  const response = { model: 'gpt-4o', input: 'x', stream: true } as const
  const events = await (await client.responses.create(response).asResponse()).text()
  expect(events).toContain('event: error\ndata: {"type":"error","sequence_number":1,"code":"server_error"')
  await expect(all(await client.responses.create(response))).rejects.toThrow('Overloaded.')
})

test.each(['malformed', 'malformed-sse'] as const)('a %s chunk is no JSON', async (type) => {
  const { client, upstream } = await setup()
  upstream.fail({ type, afterChunks: 1 })
  await expect(all(await client.chat.completions.create(streamed()))).rejects.toThrow(/malformed|JSON/)
})

test('a slow fault delays every chunk', async () => {
  const { client, upstream } = await setup()
  upstream.fail({ type: 'slow', chunkDelayMs: 10 })
  const start = performance.now()
  const chunks = await all(await client.chat.completions.create(streamed()))
  expect(performance.now() - start).toBeGreaterThan((chunks.length - 1) * 9)
})

test('a split stream has the same content', async () => {
  const { client, upstream } = await setup()
  const well = await all(await client.chat.completions.create(streamed('né 日本 🙂')))
  upstream.fail({ type: 'split', bytes: 7 })
  expect(await all(await client.chat.completions.create(streamed('né 日本 🙂')))).toEqual(well)
})

test('a content type can be wrong, absent, or that of a proxy with its page', async () => {
  const { client, upstream } = await setup()
  const next = async () => {
    const response = await client.chat.completions.create(ask('x')).asResponse()
    return [response.headers.get('content-type'), (await response.text())[0]]
  }
  for (const value of ['text/plain', null, 'text/html']) upstream.fail({ type: 'content-type', value })
  expect([await next(), await next(), await next()]).toEqual([
    ['text/plain', '{'],
    [null, '{'],
    ['text/html', '<'],
  ])
})

test('faults affect the requests that match, for the given number of times', async () => {
  const { client, upstream } = await setup()
  const isLong = ({ text }: { text: string }) => text.includes('long')
  upstream.fail({ type: 'status', status: 500 }, { when: isLong, times: Number.POSITIVE_INFINITY })
  for (let round = 0; round < 3; round += 1) {
    await client.chat.completions.create(ask('short'))
    expect(await errorOf(client.chat.completions.create(ask('long')))).toMatchObject({ status: 500 })
  }
  upstream.reset()
  await client.chat.completions.create(ask('long'))
  expect(upstream.count()).toBe(1)
})
