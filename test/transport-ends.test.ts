import type { RequestListener } from 'node:http'
import type OpenAI from 'openai'
import { APIConnectionError, APIUserAbortError } from 'openai'
import { expect, test } from 'vitest'
import { ask, until } from './support.ts'
import { clients, closeServers, serve } from './transport-kit.ts'

const broken: [string, RequestListener][] = [
  [
    'invalid gzip',
    (_, response) => {
      response
        .setHeader('content-type', 'application/json')
        .setHeader('content-encoding', 'gzip')
        .end('not gzip')
    },
  ],
  [
    'a body that breaks off',
    (_, response) => {
      response
        .setHeader('content-type', 'application/json')
        .setHeader('content-length', '5000')
        .write('{"id":')
      setTimeout(() => response.destroy(), 20)
    },
  ],
  [
    'a reset before the answer',
    (request) => {
      request.socket.resetAndDestroy()
    },
  ],
  [
    'no content',
    (_, response) => {
      response.writeHead(204).end()
    },
  ],
  [
    'an empty body',
    (_, response) => {
      response.setHeader('content-type', 'application/json').setHeader('content-encoding', 'gzip').end()
    },
  ],
  [
    'a proxy that asks for a login',
    (_, response) => {
      response.writeHead(407, { 'content-type': 'application/json' }).end('{}')
    },
  ],
  [
    'a redirect without an end',
    (_, response) => {
      response.writeHead(307, { location: '/v1/chat/completions' }).end()
    },
  ],
]
test.each(broken)('%s ends as it does for the bare client', async (_, listener) => {
  const baseURL = await serve(listener)
  const { bare, client } = await clients(baseURL)
  const outcome = async (of: OpenAI) => {
    try {
      return { result: (await of.chat.completions.create(ask('a'))) ?? null }
    } catch (error) {
      const { name, message, status } = error as Error & { status?: number }
      const cause = (error as Error).cause as Error | undefined
      return { name, message, status, cause: cause && `${cause.name}: ${cause.message}` }
    }
  }
  expect(await outcome(client)).toEqual(await outcome(bare))
})

test('a server that is not there is told of as `fetch` tells it', async () => {
  const baseURL = await serve(() => undefined)
  const { bare, client } = await clients(baseURL)
  closeServers()
  const errors = await Promise.all(
    [bare, client].map((each) =>
      each.chat.completions.create(ask('a')).catch((error: unknown) => error as Error),
    ),
  )
  for (const error of errors) expect(error).toBeInstanceOf(APIConnectionError)
  const [theirs, ours] = errors.map(
    (error) => (error as Error).cause as Error & { cause?: { code?: string } },
  )
  expect(ours?.message).toBe(theirs?.message)
  expect(ours?.cause?.code).toBe(theirs?.cause?.code)
})

test('a call aborted early or late leaves no connection behind', async () => {
  const sockets: boolean[] = []
  const baseURL = await serve((request) => {
    const place = sockets.push(true) - 1
    request.socket.once('close', () => {
      sockets[place] = false
    })
  })
  const { client } = await clients(baseURL)
  const early = new AbortController()
  const call = client.chat.completions.create(ask('a'), { signal: early.signal })
  early.abort()
  await expect(call).rejects.toBeInstanceOf(APIUserAbortError)
  const late = new AbortController()
  const hanging = client.chat.completions.create(ask('b'), { signal: late.signal })
  await until(() => sockets.at(-1) === true, 'the second call arrives')
  late.abort()
  await expect(hanging).rejects.toBeInstanceOf(APIUserAbortError)
  await until(() => sockets.every((isOpen) => !isOpen), 'all connections are closed')
  expect(await client.gateway.flush()).toBe(true)
})

test('an upstream that is faster than its reader waits for it', async () => {
  let written = 0
  const frame = `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { content: 'x'.repeat(60_000) }, finish_reason: null }] })}\n\n`
  const baseURL = await serve(async (_, response) => {
    response.setHeader('content-type', 'text/event-stream')
    for (let count = 0; count < 1_000 && !response.destroyed; count += 1) {
      written += frame.length
      if (!response.write(frame)) await new Promise((resolve) => response.once('drain', resolve))
    }
    response.end('data: [DONE]\n\n')
  })
  const { client } = await clients(baseURL)
  const stream = await client.chat.completions.create({ ...ask('a'), stream: true })
  let chunks = 0
  let least = 0
  for await (const _ of stream) {
    chunks += 1
    // What is kept for followers (8 MB) may come in advance; of 60 MB most must wait.
    if (chunks === 1) {
      await new Promise((resolve) => setTimeout(resolve, 300))
      least = written
    }
  }
  expect(least).toBeLessThan(30e6)
  expect(chunks).toBe(1_000)
})
