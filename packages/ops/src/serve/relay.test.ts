import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { relay } from './relay.ts'

const closing: (() => void)[] = []
afterEach(() => {
  vi.useRealTimers()
  for (const close of closing.splice(0)) close()
})

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Starts a client that sends a request and reads nothing. Returns the response to write to. */
async function stalledClient(): Promise<ServerResponse> {
  const received = Promise.withResolvers<ServerResponse>()
  const server = createServer((_req, res) => received.resolve(res))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.pause()
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  closing.push(() => {
    socket.destroy()
    server.close()
  })
  return await received.promise
}

/** Returns a response whose body never ends. */
function endless(type: string) {
  const seen = { pulled: 0, cancelled: false }
  const piece = new Uint8Array(64 * 1024).fill(97)
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      seen.pulled += 1
      controller.enqueue(piece)
    },
    cancel() {
      seen.cancelled = true
    },
  })
  return { response: new Response(body, { headers: { 'content-type': type } }), seen }
}

test.each(['text/event-stream', 'application/json'])(
  'a client that reads nothing of %s for two minutes is disconnected, and upstream is cancelled',
  async (type) => {
    const res = await stalledClient()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { response, seen } = endless(type)
    const ended = relay(response, res, {}, () => undefined)
    // A connection buffers some megabytes before it is full.
    let before = -1
    while (seen.pulled > before || seen.pulled < 16) {
      before = seen.pulled
      for (let each = 0; each < 50; each += 1) await turn()
    }
    vi.advanceTimersByTime(119_000)
    await turn()
    expect([res.destroyed, seen.cancelled]).toEqual([false, false])
    vi.advanceTimersByTime(2_000)
    expect(await ended).toBe('aborted')
    expect([res.destroyed, seen.cancelled]).toEqual([true, true])
  },
)

test('a client that does not read the end of an answer is disconnected, too', async () => {
  const res = await stalledClient()
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  // Fills the connection's buffers.
  res.socket?.write(new Uint8Array(64 * 1024 * 1024))
  const answer = new Response('{"a":1}', { headers: { 'content-type': 'application/json' } })
  expect(await relay(answer, res, {}, () => undefined)).toBe('complete')
  expect(res.writableFinished).toBe(false)
  vi.advanceTimersByTime(121_000)
  expect(res.destroyed).toBe(true)
})
