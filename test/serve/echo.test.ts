import { createServer } from 'node:http'
import fc from 'fast-check'
import OpenAI from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { responseHeaders } from '../../packages/ops/src/serve/headers.ts'
import { runs, SEED } from '../runs.ts'
import { ask } from '../support.ts'
import { createCleanup, KEYS, serve, UPSTREAM_KEY } from './kit.ts'

const cleanup = createCleanup()
let baseURL: string
const message = { role: 'assistant', content: 'hi' }
const answer = {
  object: 'chat.completion',
  model: 'm',
  choices: [{ index: 0, message, finish_reason: 'stop' }],
}

/** An upstream, or a proxy before it, that tells what it was sent, as debugging ones do. */
beforeAll(async () => {
  const upstream = createServer((req, res) => {
    const { authorization = '' } = req.headers
    req.resume().on('end', () => {
      res.writeHead(200, {
        'content-type': 'application/json',
        'x-echo': authorization,
        'x-echo-base64': Buffer.from(authorization).toString('base64'),
        'x-request-line': `POST / ${authorization.slice(7)} HTTP/1.1`,
        'x-request-id': 'req_1',
      })
      res.end(JSON.stringify(answer))
    })
  })
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
  cleanup.after(() => void upstream.close())
  const address = upstream.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const server = await serve(cleanup, { upstream: `http://127.0.0.1:${port}/v1` })
  baseURL = server.baseURL
})
afterAll(() => cleanup.run())

test('an upstream that quotes the key of the server in its headers tells no caller', async () => {
  const client = new OpenAI({ baseURL, apiKey: KEYS.alpha, maxRetries: 0 })
  const { response } = await client.chat.completions.create(ask('hello')).withResponse()
  const told = JSON.stringify([...response.headers])
  expect(told).not.toContain(UPSTREAM_KEY)
  expect(told).not.toContain(Buffer.from(`Bearer ${UPSTREAM_KEY}`).toString('base64').slice(0, -4))
  expect(response.headers.get('x-request-id')).toBe('req_1')
})

const word = fc.stringMatching(/^[\w-]{0,12}$/)
const about = { requestedModel: undefined, team: undefined, controls: undefined, error: undefined, ms: 1 }

test('whatever stands around a quoted key, its header is left out, and no other', () => {
  const keys = fc.stringMatching(/^[A-Za-z][\w+/=.~-]{19,60}$/)
  const quoting = fc.constantFrom<((key: string) => string)[]>(
    (key) => key,
    (key) => `Bearer ${key}`,
    (key) => key.toUpperCase(),
    encodeURIComponent,
    (key) => Buffer.from(key).toString('base64'),
    (key) => Buffer.from(`Bearer ${key}`).toString('base64'),
  )
  fc.assert(
    fc.property(keys, quoting, word, word, (key, quote, before, after) => {
      const headers = new Headers({
        'x-echo': `${before} ${quote(key)} ${after}`,
        'x-plain': `${before}.${after}`,
      })
      const out = responseHeaders(new Response(null, { headers }), { ...about, key })
      expect(out['x-echo']).toBeUndefined()
      expect(out['x-plain']).toBe(`${before}.${after}`)
    }),
    { numRuns: runs(500), seed: SEED },
  )
})

test('a key that is not known here, but looks like one, is left out as well', () => {
  const headers = new Headers({ 'x-echo': `Bearer ${UPSTREAM_KEY}`, 'x-plain': 'sk-1' })
  const out = responseHeaders(new Response(null, { headers }), { ...about, key: undefined })
  expect(out).toEqual({ 'x-plain': 'sk-1' })
})
