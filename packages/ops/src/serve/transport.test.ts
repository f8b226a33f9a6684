import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { createTransport } from './transport.ts'

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

const listening = async (server: Server): Promise<string> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/x?a=b`
}

async function upstream(answer: (req: IncomingMessage, res: ServerResponse) => void): Promise<string> {
  const server = createServer(answer)
  closing.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return await listening(server)
}

/** A server that sends these bytes to whoever connects, and then ends. */
async function raw(bytes: string): Promise<string> {
  const sockets: Socket[] = []
  const server = createTcpServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => undefined)
    socket.once('data', () => socket.end(bytes))
  })
  closing.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return await listening(server)
}

const question = {
  method: 'POST',
  headers: { 'content-type': 'application/json', 'x-a': '1' },
  body: '{"ü":1}',
}

/** What a caller sees of an answer, or of an error. */
async function seen(ask: typeof fetch, url: string, init: RequestInit): Promise<unknown> {
  try {
    const response = await ask(url, init)
    const { status, statusText, ok, headers } = response
    const kept = [...headers].filter(
      ([name]) => !/^(date|connection|keep-alive|transfer-encoding|content-(encoding|length))$/.test(name),
    )
    return { status, statusText, ok, kept, text: await response.text() }
  } catch (error) {
    const { name, message } = error as Error
    return { name, message }
  }
}

const echo = (req: IncomingMessage, res: ServerResponse) => {
  let text = ''
  req.setEncoding('utf8').on('data', (piece) => {
    text += piece
  })
  req.on('end', () =>
    res.end(JSON.stringify([req.method, req.url, req.headers['x-a'], req.headers['content-length'], text])),
  )
}
const ANSWERS: Record<string, (req: IncomingMessage, res: ServerResponse) => void> = {
  'what was asked': echo,
  'an error': (_req, res) => res.writeHead(429, 'Slow Down', { 'retry-after': '1' }).end('{"error":{}}'),
  'one header twice': (_req, res) =>
    res.writeHead(200, { 'set-cookie': ['a=1', 'b=2'], vary: 'x, y' }).end('x'),
  'no content': (_req, res) => res.writeHead(204).end(),
  nothing: (_req, res) => res.end(),
  'in chunks': (_req, res) => {
    res.write('one ')
    setImmediate(() => res.end('two'))
  },
  'packed, unasked': (_req, res) =>
    res.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('unpacked')),
  'packed, and broken': (_req, res) =>
    res.writeHead(200, { 'content-encoding': 'gzip' }).end('this is no gzip'),
  'no answer': (req) => req.socket.destroy(),
  'half an answer': (_req, res) => {
    res.writeHead(200, { 'content-length': '100' })
    res.write('half', () => res.destroy())
  },
}

describe('it is as Node’s own fetch', () => {
  test.each(Object.entries(ANSWERS))('for %s', async (_name, answer) => {
    const url = await upstream(answer)
    const expected = await seen(fetch, url, question)
    expect(await seen(createTransport(), url, question)).toEqual(expected)
    expect(await seen(createTransport(), url, { headers: { 'x-a': '2' } })).toEqual(
      await seen(fetch, url, { headers: { 'x-a': '2' } }),
    )
  })

  test.each([
    ['no HTTP', 'HELLO\r\n\r\n'],
    ['a status that is none', 'HTTP/1.1 999 X\r\ncontent-length: 0\r\n\r\n'],
    ['a header with a zero byte', 'HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 0\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab'],
    ['an end in the midst of its headers', 'HTTP/1.1 200 OK\r\nx'],
  ])('for %s, an error that is thrown to the caller alone', async (_name, bytes) => {
    const url = await raw(bytes)
    expect(await seen(createTransport(), url, question)).toEqual({
      name: 'TypeError',
      message: 'fetch failed',
    })
  })

  test('where nobody is', async () => {
    const error = (await createTransport()('http://127.0.0.1:1/v1', question).catch(
      (error) => error,
    )) as Error
    expect([error.message, (error.cause as { code?: string }).code]).toEqual(['fetch failed', 'ECONNREFUSED'])
  })
})

test('who leaves stops upstream: before the answer, in its midst, and by letting go of it', async () => {
  let closed = 0
  const url = await upstream((req, res) => {
    res.on('close', () => {
      closed += 1
    })
    if (req.headers['x-a'] === 'begin') res.write('begun')
  })
  const transport = createTransport()
  const early = AbortSignal.timeout(50)
  const error = await transport(url, { ...question, signal: early }).catch((error: unknown) => error)
  expect(error).toBe(early.reason)
  await expect(transport(url, { ...question, signal: AbortSignal.abort() })).rejects.toThrow('aborted')
  const begin = { ...question, headers: { 'x-a': 'begin' } }
  const controller = new AbortController()
  const late = await transport(url, { ...begin, signal: controller.signal })
  controller.abort()
  await expect(late.text()).rejects.toBe(controller.signal.reason)
  await (await transport(url, begin)).body?.cancel()
  await expect.poll(() => closed).toBe(3)
})

test('a stream arrives as it is written, and no faster than it is read', async () => {
  let written = 0
  const piece = 'a'.repeat(64 * 1024)
  const url = await upstream((_req, res) => {
    const more = () => {
      while (written < 64 * 1024 * 1024) {
        written += piece.length
        if (!res.write(piece)) return void res.once('drain', more)
      }
      res.end()
    }
    more()
  })
  const reader = (await createTransport()(url, question)).body?.getReader()
  expect((await reader?.read())?.value?.length).toBeGreaterThan(0)
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(written).toBeLessThan(32 * 1024 * 1024)
  while (!(await reader?.read())?.done);
  expect(written).toBe(64 * 1024 * 1024)
})

test('a connection is used again, but not one that upstream has closed', async () => {
  const sockets = new Set<Socket>()
  const url = await upstream((req, res) => {
    sockets.add(req.socket)
    req.resume().on('end', () => res.end('x'))
  })
  const transport = createTransport()
  const ask = async () => await (await transport(url, question)).text()
  for (let time = 0; time < 5; time += 1) await ask()
  expect(sockets.size).toBe(1)
  for (const socket of sockets) socket.destroy()
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(await ask()).toBe('x')
  expect(sockets.size).toBe(2)
})
