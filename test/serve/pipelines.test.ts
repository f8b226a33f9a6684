import type { FakeOpenAI } from '@hotdash/llm-gateway-testing'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { runs } from '../runs.ts'
import { ask, until } from '../support.ts'
import { createCleanup, fake, KEYS, type Served, serve } from './kit.ts'
import { connected, send } from './raw.ts'

const MAX_REQUESTS = 4

const cleanup = createCleanup()
let upstream: FakeOpenAI
let server: Served
beforeEach(async () => {
  upstream = await fake(cleanup)
  server = await serve(cleanup, {
    upstream: upstream.baseURL,
    flags: ['--max-requests', String(MAX_REQUESTS)],
  })
})
afterEach(() => cleanup.run())

function post(body: object, key: string = KEYS.alpha): string {
  const text = JSON.stringify(body)
  const head = ['Host: x', `Authorization: Bearer ${key}`, 'Content-Type: application/json']
  return `POST /v1/chat/completions HTTP/1.1\r\n${head.join('\r\n')}\r\nContent-Length: ${text.length}\r\n\r\n${text}`
}
const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`

let asked = 0
/** Requests of a pipeline. Upstream answers none of the questions, so all wait behind the first of them. */
const KINDS = {
  whole: () => post(ask(`whole ${++asked}`)),
  stream: () => post({ ...ask(`stream ${++asked}`), stream: true }),
  stranger: () => post(ask('x'), 'sk-stranger-0123456789'),
  unknown: () => get('/nothing'),
  health: () => get('/health'),
  half: () => post(ask(`half ${++asked}`)).slice(0, -10),
}
const kind = fc.constantFrom(...(Object.keys(KINDS) as (keyof typeof KINDS)[]))
type Pipeline = { kinds: (keyof typeof KINDS)[]; reset: boolean; waits: boolean }
const pipeline: fc.Arbitrary<Pipeline> = fc.record({
  kinds: fc.array(kind, { minLength: 1, maxLength: 6 }),
  reset: fc.boolean(),
  waits: fc.boolean(),
})

/** Sends requests on one connection, and leaves without reading an answer. */
async function sendAndLeave({ kinds, reset, waits }: Pipeline) {
  const before = upstream.count()
  const socket = await connected(server.port)
  let isAnswered = false
  socket.on('error', () => undefined)
  socket.on('data', () => {
    isAnswered = true
  })
  socket.write(kinds.map((each) => KINDS[each]()).join(''))
  // A server that is busy with those that have just left answers itself.
  if (waits && kinds[0] !== 'half')
    await until(() => isAnswered || upstream.count() > before, 'the first request has been seen')
  if (reset) socket.resetAndDestroy()
  else socket.destroy()
}

test('whatever a connection had asked when it closed: upstream is let go, and the server has room', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(pipeline, { minLength: 3, maxLength: 8 }), async (pipelines) => {
      upstream.reset()
      upstream.fail({ type: 'hang' }, { times: 1_000 })
      for (const each of pipelines) await sendAndLeave(each)
      // As many as may run at a time, all at once: one that was still counted would be in the way.
      const served = async () => {
        upstream.reset()
        const answers = await Promise.all(
          Array.from({ length: MAX_REQUESTS }, () => send(server.port, [post(ask(`room ${++asked}`))])),
        )
        return answers.every(({ statuses }) => statuses[0] === 200)
      }
      await Promise.all(upstream.requests.map(({ closed }) => closed))
      let hasRoom = await served()
      for (let tries = 0; !hasRoom && tries < 20; tries += 1) hasRoom = await served()
      expect(hasRoom).toBe(true)
    }),
    { numRuns: runs(40) },
  )
  // A request still counted would keep it for the whole grace period.
  const began = performance.now()
  server.child.kill('SIGTERM')
  expect(await server.ended).toBe(0)
  expect(performance.now() - began).toBeLessThan(20_000)
})

test('strangers who ask for what is not there, and read nothing, take no room', async () => {
  for (let at = 0; at < 2 * MAX_REQUESTS; at += 1) {
    const socket = await connected(server.port)
    socket.on('error', () => undefined)
    socket.pause()
    socket.write(get('/nothing').repeat(3_000))
    await until(() => socket.writableLength === 0 || socket.bytesWritten > 50_000, 'they are sent')
    socket.resetAndDestroy()
  }
  let status: number | undefined
  for (let tries = 0; status !== 200 && tries < 100; tries += 1)
    status = (await send(server.port, [post(ask(`after ${++asked}`))])).statuses[0]
  expect(status).toBe(200)
})
