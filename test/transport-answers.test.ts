import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import type OpenAI from 'openai'
import { expect, test } from 'vitest'
import { completion } from './client/upstream.ts'
import { ask } from './support.ts'
import { bodyOf, clients, serve } from './transport-kit.ts'

const text = JSON.stringify(completion('compressed '.repeat(2_000)))
test.each([
  ['gzip', gzipSync(text)],
  ['x-gzip', gzipSync(text)],
  ['deflate', deflateSync(text)],
  ['deflate', deflateRawSync(text)],
  ['br', brotliCompressSync(text)],
  ['gzip, br', brotliCompressSync(gzipSync(text))],
  ['identity', Buffer.from(text)],
  ['never-heard-of', Buffer.from(text)],
])('a body in %s arrives as the bare client reads it', async (encoding, bytes) => {
  const baseURL = await serve((_, response) => {
    response.setHeader('content-type', 'application/json').setHeader('content-encoding', encoding)
    for (let at = 0; at < bytes.length; at += 97) response.write(bytes.subarray(at, at + 97))
    response.end()
  })
  const { bare, client } = await clients(baseURL)
  const [theirs, ours] = [
    await bare.chat.completions.create(ask('a')),
    await client.chat.completions.create(ask('a')),
  ]
  expect(ours).toEqual(theirs)
  expect(ours.choices[0]?.message.content).toContain('compressed')
})

test('a stream in gzip arrives as it comes', async () => {
  let release = () => {}
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  const { createGzip, constants } = await import('node:zlib')
  const chunk = (content: string) =>
    `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { content }, finish_reason: null }] })}\n\n`
  const baseURL = await serve(async (_, response) => {
    response.setHeader('content-type', 'text/event-stream').setHeader('content-encoding', 'gzip')
    const gzip = createGzip({ flush: constants.Z_SYNC_FLUSH })
    gzip.pipe(response)
    gzip.write(chunk('one'))
    await gate
    gzip.end(`${chunk('two')}data: [DONE]\n\n`)
  })
  const { client } = await clients(baseURL)
  const said: (string | null | undefined)[] = []
  for await (const part of await client.chat.completions.create({ ...ask('a'), stream: true })) {
    said.push(part.choices[0]?.delta.content)
    release()
  }
  expect(said).toEqual(['one', 'two'])
})

test('a Response tells the same as that of `fetch`', async () => {
  const baseURL = await serve((_, response) => {
    response.writeHead(200, 'Fine', [
      ...['content-type', 'application/json; charset=utf-8'],
      ...['Set-Cookie', 'a=1; Path=/'],
      ...['Set-Cookie', 'b=2'],
      ...['X-Twice', 'one'],
      ...['x-twice', 'two'],
      ...['X-Empty', ''],
      ...['X-Latin', Buffer.from('grün', 'utf8').toString('latin1')],
      ...['X-Spaces', '  in  between'],
      ...['date', 'Mon, 23 Nov 2026 00:00:00 GMT'],
    ])
    response.end(JSON.stringify(completion('hello')))
  })
  const { bare, client } = await clients(baseURL)
  const told = async (of: OpenAI) => {
    const response = await of.chat.completions.create(ask('a')).asResponse()
    const { status, statusText, ok, url, type, redirected, bodyUsed } = response
    const headers = [...response.headers].filter(([name]) => !name.startsWith('x-gateway-'))
    const cookies = response.headers.getSetCookie()
    const named = ['x-twice', 'X-EMPTY', 'x-latin', 'x-none'].map((name) => response.headers.get(name))
    const isResponse = response instanceof Response && response.headers instanceof Headers
    const text = await response.clone().text()
    const read = {
      status,
      statusText,
      ok,
      url,
      type,
      redirected,
      bodyUsed,
      headers,
      cookies,
      named,
      isResponse,
      text,
    }
    return { ...read, json: await response.json(), usedThen: response.bodyUsed }
  }
  expect(await told(client)).toEqual(await told(bare))
})

test('a redirect is followed, and its origin left to `fetch` from then on', async () => {
  const asked: string[] = []
  const baseURL = await serve(async (request, response) => {
    asked.push(`${request.method} ${request.url} ${(await bodyOf(request)).length > 0}`)
    if (request.url?.startsWith('/v1'))
      return response.writeHead(308, { location: '/v2/chat/completions' }).end()
    return response.setHeader('content-type', 'application/json').end(JSON.stringify(completion('moved')))
  })
  const { client } = await clients(baseURL)
  const { data, response } = await client.chat.completions.create(ask('a')).withResponse()
  expect(data.choices[0]?.message.content).toBe('moved')
  expect(response.url).toContain('/v2/chat/completions')
  expect(asked.at(-1)).toBe('POST /v2/chat/completions true')
  const before = asked.length
  await client.chat.completions.create(ask('b'))
  expect(asked.length - before).toBe(2)
})
