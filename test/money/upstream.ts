import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { render, type Telling } from './answer.ts'
import { billOf, type Work } from './prices.ts'
import { type Body, type Random, workFor, type Zeal } from './work.ts'

/** What happens to an answer on its way. Whatever it is, the work has been done and is billed, refusals excepted. */
export type Fate =
  | { type: 'whole' }
  /** The connection breaks, or ends cleanly, after this part of the bytes; or nothing comes after it any more. */
  | { type: 'cut' | 'end' | 'hang'; at: number }
  /** Upstream's own refusal, before any work. */
  | { type: 'refused'; status: number }
  /** A proxy in between gave up, or showed a page of its own, after the work. */
  | { type: 'lost'; status: number }
  /** The connection is reset before a byte of the answer: after the work, unless it was idle and is reset in place of it. */
  | { type: 'reset' }

export type Plan = { fate: Fate; telling: Telling; zeal: Zeal }
export type Books = { billed: number; entries: { work: Work; bill: number; body: Body }[] }

/** A server with books of its own: what it billed, in billionths of a dollar. */
export async function startBilling(project: string, random: Random, plan: (body: Body) => Plan) {
  const books: Books = { billed: 0, entries: [] }
  const used = new WeakSet<object>()
  const server = createServer((req, res) => {
    const pieces: Buffer[] = []
    req.on('data', (piece: Buffer) => pieces.push(piece))
    req.on('error', () => undefined)
    req.on('end', () => {
      const body = JSON.parse(Buffer.concat(pieces).toString()) as Body
      serve(res, req.url ?? '', body).catch(() => res.destroy())
    })
  })

  async function serve(res: ServerResponse, path: string, body: Body) {
    const { fate, telling, zeal } = plan(body)
    const { socket } = res
    const wasIdle = socket !== null && used.has(socket)
    if (socket !== null) used.add(socket)
    if (fate.type === 'reset' && wasIdle) return void socket?.resetAndDestroy()
    if (fate.type === 'refused')
      return json(res, fate.status, { error: { message: 'no', code: 'no', type: 'no' } })
    const work = workFor(path, body, project, random, zeal)
    const bill = billOf(work)
    books.billed += bill
    books.entries.push({ work, bill, body })
    if (fate.type === 'reset') return void socket?.resetAndDestroy()
    if (fate.type === 'lost') {
      res.writeHead(fate.status, { 'content-type': 'text/html', 'retry-after-ms': '1' })
      return void res.end('<html>The upstream server is away</html>')
    }
    const bytes = Buffer.from(render(path, body, work, telling))
    const streamed = body.stream === true && !path.endsWith('/embeddings')
    res.writeHead(200, { 'content-type': streamed ? 'text/event-stream' : 'application/json' })
    if (fate.type === 'whole') return void res.end(bytes)
    res.write(bytes.subarray(0, Math.floor(bytes.length * fate.at)))
    res.flushHeaders()
    await sleep(3)
    if (fate.type === 'cut') res.socket?.destroy()
    if (fate.type === 'end') res.end()
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    books,
    async close() {
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
    },
  }
}

function json(res: ServerResponse, status: number, body: object) {
  res.writeHead(status, { 'content-type': 'application/json', 'retry-after-ms': '1' })
  res.end(JSON.stringify(body))
}
