import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import zlib from 'node:zlib'
import { cut, longestOf, turn, wait } from './cut.ts'
import { type Damage, sendDamaged } from './damage.ts'
import { type Plan, planOf } from './plan.ts'
import { rewriterOf } from './rewrite.ts'

export type HostileProxy = { origin: string; close: () => void }

/** How long writes of upstream's may stand together before they leave in one. */
const TOGETHER_MS = 2

/**
 * A server on loopback between a client and the upstream at `target`: what comes back comes over a hostile way, and says
 * the same, unless it does damage. A connection that breaks on one side breaks on the other.
 */
export async function startHostileProxy(
  target: string,
  seed: number,
  damage: () => Damage | undefined = () => undefined,
): Promise<HostileProxy> {
  const { hostname, port } = new URL(target)
  const server = createServer({ noDelay: true, keepAliveTimeout: 60_000 }, (req, res) => {
    const body: Buffer[] = []
    req.on('data', (piece: Buffer) => body.push(piece))
    req.on('end', () => forward(req, res, Buffer.concat(body)))
  })

  function forward(req: IncomingMessage, res: ServerResponse, body: Buffer) {
    const { method, url: path } = req
    const plan = planOf(seed, `${method} ${path} ${body}`)
    const out = request({ hostname, port, method, path, headers: req.rawHeaders, agent: false })
    const gone = () => out.destroy()
    res.once('close', gone)
    out.once('error', () => res.socket?.resetAndDestroy())
    out.once('response', (answer) => {
      const harm = damage()
      const sent =
        harm === undefined
          ? relay(answer, res, plan)
          : sendDamaged(answer, res, harm, `${seed} ${path} ${body}`)
      void sent.catch(() => breakOff(res))
    })
    out.end(body)
  }

  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

/** What has been written must have been read before a connection breaks: an error overtakes what waits to be read. */
const ARRIVAL_MS = 100

/** After what has been written has arrived. */
function breakOff(res: ServerResponse) {
  if (res.writableEnded) return
  setTimeout(() => res.socket?.destroy(), ARRIVAL_MS)
}

async function relay(answer: IncomingMessage, res: ServerResponse, plan: Plan) {
  const { statusCode = 200, statusMessage, headers } = answer
  const streamed = /^text\/event-stream/.test(headers['content-type'] ?? '')
  const bodyless = statusCode === 204 || statusCode === 304 || headers['content-length'] === '0'
  const coding = bodyless || headers['content-encoding'] ? undefined : plan.coding
  const changed = coding !== undefined || (streamed && !headers['content-encoding'])
  const raw = changed ? without(answer.rawHeaders, 'content-length') : answer.rawHeaders
  res.writeHead(statusCode, statusMessage, coding ? [...raw, 'content-encoding', coding] : raw)
  res.flushHeaders()
  const writer = writerOf(res, plan, coding)
  const rewriter = streamed && !headers['content-encoding'] ? rewriterOf(plan) : undefined
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let text: boolean = rewriter !== undefined
  let together: Buffer[] = []
  let timer: NodeJS.Timeout | undefined
  let sent = Promise.resolve()

  /** Whatever has come by now leaves, after what came before. */
  function leave() {
    clearTimeout(timer)
    timer = undefined
    const bytes = Buffer.concat(together)
    together = []
    if (bytes.byteLength > 0) sent = sent.then(() => writer.write(rewritten(bytes)))
  }

  function rewritten(bytes: Buffer): Buffer {
    if (!text || rewriter === undefined) return bytes
    try {
      return Buffer.from(rewriter.push(decoder.decode(bytes, { stream: true })))
    } catch {
      // Bytes that are not UTF-8 are not rewritten.
      text = false
      return bytes
    }
  }

  try {
    for await (const piece of answer) {
      together.push(piece as Buffer)
      if (plan.piece !== 0) leave()
      else timer ??= setTimeout(leave, TOGETHER_MS)
    }
  } catch {
    // It broke: what had come until then arrives all the same.
  }
  leave()
  await sent
  if (text && rewriter !== undefined) await writer.write(Buffer.from(rewriter.end()))
  if (answer.complete) await writer.end()
  else breakOff(res)
}

function without(raw: string[], name: string): string[] {
  return raw.flatMap((value, at) =>
    at % 2 === 0 && value.toLowerCase() !== name ? [value, raw[at + 1] as string] : [],
  )
}

/** Writes in pieces that arrive one by one, as far as a connection allows. */
function writerOf(res: ServerResponse, plan: Plan, coding: Plan['coding']) {
  const encoder = coding === undefined ? undefined : encoderOf(coding)
  let coded: Buffer[] = []
  encoder?.on('data', (bytes: Buffer) => coded.push(bytes))

  async function send(bytes: Uint8Array) {
    for (const piece of cut(bytes, longestOf(plan, bytes.byteLength), plan.random)) {
      if (res.destroyed) return
      res.write(piece)
      if (plan.random() < plan.delay) await wait(1 + 2 * plan.random())
      else await turn()
    }
  }

  async function flushed(act: (done: () => void) => void) {
    await new Promise<void>((resolve) => act(resolve))
    const bytes = Buffer.concat(coded)
    coded = []
    await send(bytes)
  }

  return {
    async write(bytes: Uint8Array) {
      if (encoder === undefined) return await send(bytes)
      // Flushed in the middle of whatever it is.
      const middle = Math.floor(plan.random() * bytes.byteLength)
      for (const half of [bytes.subarray(0, middle), bytes.subarray(middle)]) {
        encoder.write(half)
        await flushed((done) => encoder.flush(done))
      }
    },
    async end() {
      if (encoder !== undefined)
        await flushed((done) => {
          encoder.once('end', done)
          encoder.end()
        })
      res.end()
    },
  }
}

function encoderOf(coding: NonNullable<Plan['coding']>) {
  if (coding === 'gzip') return zlib.createGzip({ flush: zlib.constants.Z_SYNC_FLUSH })
  if (coding === 'deflate') return zlib.createDeflate({ flush: zlib.constants.Z_SYNC_FLUSH })
  return zlib.createBrotliCompress({
    flush: zlib.constants.BROTLI_OPERATION_FLUSH,
    params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 },
  })
}
