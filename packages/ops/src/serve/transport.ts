import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { pipeline, type Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'

// As undici has them. Upstream may be silent for so long, before its answer and within it.
const SILENCE_MS = 300_000
const CONNECT_MS = 10_000
/** A connection that has been idle for longer may be gone without our having been told. */
const IDLE_MS = 4_000

/** What is read ahead of whoever reads an answer. */
const AHEAD_BYTES = 64 * 1024

const NO_BODY = new Set([204, 205, 304])
const DECODERS: Record<string, () => NodeJS.ReadWriteStream> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
}

/**
 * A `fetch` for this server's calls upstream, over node:http: Node's own takes twice the processor's time for a whole
 * call, which no agent notices, but a server for many does. What it is not made for goes through Node's.
 */
export function createTransport(): typeof fetch {
  // Only Node's own knows how to find a proxy by the environment.
  if (process.env.NODE_USE_ENV_PROXY || process.execArgv.includes('--use-env-proxy')) return fetch
  const settings = { keepAlive: true, noDelay: true, timeout: IDLE_MS }
  const agents = { http: new HttpAgent(settings), https: new HttpsAgent(settings) }

  return async function transport(input, init = {}) {
    const { body = null, headers, method = 'GET', signal } = init
    const url = typeof input === 'string' ? URL.parse(input) : null
    if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || !isText(body))
      return await fetch(input, init)
    signal?.throwIfAborted()
    const secure = url.protocol === 'https:'
    return await new Promise<Response>((resolve, reject) => {
      const options = {
        method,
        agent: secure ? agents.https : agents.http,
        headers: headersOf(headers, body),
        timeout: SILENCE_MS,
      }
      const request = (secure ? httpsRequest : httpRequest)(url, options)
      const leave = () => request.destroy(signal?.reason)
      const unwatch = () => signal?.removeEventListener('abort', leave)
      const reasonOf = (error: unknown, message: string) =>
        signal?.aborted ? signal.reason : new TypeError(message, { cause: error })
      signal?.addEventListener('abort', leave, { once: true })
      request.on('response', (message) => {
        try {
          resolve(responseOf(message, unwatch, (error) => reasonOf(error, 'terminated')))
        } catch (error) {
          // A status, or a header, that a Response cannot have.
          request.destroy()
          reject(new TypeError('fetch failed', { cause: error }))
        }
      })
      request.on('socket', (socket) => {
        if (!socket.connecting) return
        const timer = setTimeout(() => request.destroy(new Error('no connection in time')), CONNECT_MS)
        for (const event of [secure ? 'secureConnect' : 'connect', 'close'])
          socket.once(event, () => clearTimeout(timer))
      })
      request.on('timeout', () => request.destroy(new Error('upstream says nothing')))
      request.on('error', (error) => {
        unwatch()
        reject(reasonOf(error, 'fetch failed'))
      })
      request.end(body ?? undefined)
    })
  }
}

const isText = (body: unknown): body is string | null => typeof body === 'string' || body === null

function headersOf(given: RequestInit['headers'], body: string | null): Record<string, string> {
  // Packed answers would have to be unpacked here.
  const headers: Record<string, string> = { accept: '*/*', 'user-agent': 'llm-gateway' }
  for (const [name, value] of new Headers(given)) headers[name] = value
  headers['accept-encoding'] = 'identity'
  if (body !== null) headers['content-length'] = String(Buffer.byteLength(body))
  return headers
}

type Reason = (error: unknown) => unknown

function responseOf(message: IncomingMessage, done: () => void, reason: Reason): Response {
  const { statusCode = 0, statusMessage = '', rawHeaders } = message
  const headers = new Headers()
  for (let at = 0; at < rawHeaders.length; at += 2)
    headers.append(rawHeaders[at] ?? '', rawHeaders[at + 1] ?? '')
  const init = { status: statusCode, statusText: statusMessage, headers }
  if (NO_BODY.has(statusCode)) {
    message.resume().on('close', done)
    return new Response(null, init)
  }
  const response = new Response(bodyOf(decoded(message), done, reason), init)
  return response
}

/** Whatever was asked for, some pack their answers. */
function decoded(message: IncomingMessage): Readable {
  const decoder = DECODERS[message.headers['content-encoding']?.toLowerCase() ?? '']
  if (decoder === undefined) return message
  // An error of either side is the decoder's.
  return pipeline(message, decoder(), () => undefined) as unknown as Readable
}

function bodyOf(source: Readable, done: () => void, reason: Reason): ReadableStream<Uint8Array<ArrayBuffer>> {
  let over = false
  const once = (finish: () => void) => {
    if (over) return
    over = true
    done()
    finish()
  }
  return new ReadableStream(
    {
      start(controller) {
        const broken = (error: unknown) => once(() => controller.error(reason(error)))
        source.on('data', (piece: Buffer<ArrayBuffer>) => {
          if (over) return
          controller.enqueue(piece)
          if ((controller.desiredSize ?? 0) <= 0) source.pause()
        })
        source.on('end', () => once(() => controller.close()))
        source.on('error', broken)
        source.on('close', () => broken(new Error('other side closed')))
      },
      pull: () => void source.resume(),
      cancel() {
        once(() => source.destroy())
      },
    },
    { highWaterMark: AHEAD_BYTES, size: (piece) => piece.byteLength },
  )
}
