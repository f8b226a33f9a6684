import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Fault } from './faults.ts'

/** How the answers of one server leave it. */
export type Pace = { chunkDelayMs: number; coalesceWrites: boolean }

type Broken = 'cut' | 'reset'

const HTML = '<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>'
const broken = new WeakSet<ServerResponse>()

/** The fake broke the connection, not the client. */
export const brokenOff = (res: ServerResponse): boolean => broken.has(res)

export function breakOff(res: ServerResponse, how: Broken): void {
  broken.add(res)
  if (how === 'reset') res.socket?.resetAndDestroy()
  else res.socket?.destroy()
}

/** A timer that keeps no process alive. */
export const wait = (ms: number): Promise<void> => sleep(ms, undefined, { ref: false })

/** Writes a whole answer, or breaks it off in the way the fault says. */
export async function deliverWhole(
  res: ServerResponse,
  body: string,
  fault: Fault | undefined,
): Promise<void> {
  const bytes = Buffer.from(bodyUnder(fault) ?? body)
  res.writeHead(200, { ...typed(fault, 'application/json'), 'content-length': bytes.length })
  const half = bytes.subarray(0, bytes.length >> 1)
  if (fault?.type === 'cut' || fault?.type === 'reset') {
    res.write(half)
    await arrival()
    return breakOff(res, 'cut')
  }
  if (fault?.type === 'hang') {
    res.write(half)
    return await gone(res)
  }
  res.end(bytes)
}

/** Writes a stream's chunks, each by itself, until the end or the fault. */
export async function deliverStream(
  res: ServerResponse,
  chunks: string[],
  fault: Fault | undefined,
  { chunkDelayMs, coalesceWrites }: Pace,
  errorEvent: (message: string, at: number) => string,
): Promise<void> {
  const page = bodyUnder(fault)
  res.writeHead(200, { ...typed(fault, 'text/event-stream; charset=utf-8'), 'cache-control': 'no-cache' })
  if (page !== undefined) return void res.end(page)
  if (fault?.type === 'reset') {
    res.flushHeaders()
    await arrival()
    return breakOff(res, 'cut')
  }
  const frames = framesUnder(fault, chunks)
  const pause = fault?.type === 'slow' ? fault.chunkDelayMs : chunkDelayMs
  if (coalesceWrites && pause <= 0 && frames.length > 0 && fault?.type !== 'split') res.write(frames.join(''))
  else await writeEach(res, frames, pause)
  if (fault?.type === 'hang') return await gone(res)
  if (fault === undefined || !('afterChunks' in fault) || fault.afterChunks >= chunks.length)
    return void res.end()
  if (fault.type === 'error-event')
    res.write(
      errorEvent(fault.message ?? 'The server had an error while processing your request.', frames.length),
    )
  if (fault.type === 'malformed' || fault.type === 'malformed-sse')
    res.write('data: {"choices": [{"delta":\n\n')
  await arrival()
  if (fault.type === 'cut') breakOff(res, 'cut')
  else res.end()
}

async function writeEach(res: ServerResponse, frames: (string | Buffer)[], pause: number): Promise<void> {
  for (const frame of frames) {
    if (res.destroyed) return
    const room = res.write(frame)
    if (pause > 0) await wait(pause)
    else if (!room) await drained(res)
  }
}

/** What is written before the fault. */
function framesUnder(fault: Fault | undefined, chunks: string[]): (string | Buffer)[] {
  if (fault?.type === 'split') return split(chunks.join(''), Math.max(1, Math.floor(fault.bytes)))
  if (fault?.type === 'hang') return chunks.slice(0, 1)
  return fault !== undefined && 'afterChunks' in fault ? chunks.slice(0, fault.afterChunks) : chunks
}

function split(text: string, bytes: number): Buffer[] {
  const whole = Buffer.from(text)
  return Array.from({ length: Math.ceil(whole.length / bytes) }, (_, at) =>
    whole.subarray(at * bytes, (at + 1) * bytes),
  )
}

function typed(fault: Fault | undefined, usual: string): Record<string, string> {
  const type = fault?.type === 'content-type' ? fault.value : usual
  return type === null ? {} : { 'content-type': type }
}

function bodyUnder(fault: Fault | undefined): string | undefined {
  if (fault?.type !== 'content-type') return undefined
  return fault.body ?? (fault.value?.startsWith('text/html') ? HTML : undefined)
}

/** What was written must arrive before the connection breaks. */
const arrival = () => wait(5)

const drained = (res: ServerResponse) =>
  new Promise<void>((resolve) => {
    const over = () => {
      res.off('drain', over)
      res.off('close', over)
      resolve()
    }
    res.once('drain', over)
    res.once('close', over)
  })

/** Until the exchange is over: the answer was sent, or a side gave up. */
export const gone = (res: ServerResponse) =>
  new Promise<void>((resolve) => {
    if (res.destroyed) resolve()
    else res.once('close', resolve)
  })
