import type { ServerResponse } from 'node:http'
import { breakConnection, pause, whenClosed } from '../core/connection.ts'
import type { Fault } from './faults.ts'

/** How a server writes streams. `chunkDelayMs`: milliseconds after each chunk. */
export type WriteOptions = { chunkDelayMs: number; coalesceWrites: boolean }

const BAD_GATEWAY_PAGE =
  '<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>'
/** Writes a whole answer, or as much of it as the fault allows. */
export async function deliverWhole(
  res: ServerResponse,
  body: string,
  fault: Fault | undefined,
): Promise<void> {
  const bytes = Buffer.from(faultBody(fault) ?? body)
  res.writeHead(200, { ...contentTypeHeader(fault, 'application/json'), 'content-length': bytes.length })
  const half = bytes.subarray(0, bytes.length >> 1)
  if (fault?.type === 'cut' || fault?.type === 'reset') {
    res.write(half)
    await waitForDelivery()
    return breakConnection(res, 'cut')
  }
  if (fault?.type === 'hang') {
    res.write(half)
    return await whenClosed(res)
  }
  res.end(bytes)
}

/**
 * Writes the chunks of a stream, one write each, up to the end or the fault.
 *
 * @param errorEvent renders an error event; its second argument is the number of chunks before it
 */
export async function deliverStream(
  res: ServerResponse,
  chunks: string[],
  fault: Fault | undefined,
  { chunkDelayMs, coalesceWrites }: WriteOptions,
  errorEvent: (message: string, at: number) => string,
): Promise<void> {
  const page = faultBody(fault)
  res.writeHead(200, {
    ...contentTypeHeader(fault, 'text/event-stream; charset=utf-8'),
    'cache-control': 'no-cache',
  })
  if (page !== undefined) return void res.end(page)
  if (fault?.type === 'reset') {
    res.flushHeaders()
    await waitForDelivery()
    return breakConnection(res, 'cut')
  }
  const frames = framesBeforeFault(fault, chunks)
  const delayMs = fault?.type === 'slow' ? fault.chunkDelayMs : chunkDelayMs
  if (coalesceWrites && delayMs <= 0 && frames.length > 0 && fault?.type !== 'split')
    res.write(frames.join(''))
  else await writeEach(res, frames, delayMs)
  if (fault?.type === 'hang') return await whenClosed(res)
  if (fault === undefined || !('afterChunks' in fault) || fault.afterChunks >= chunks.length)
    return void res.end()
  if (fault.type === 'error-event')
    res.write(
      errorEvent(fault.message ?? 'The server had an error while processing your request.', frames.length),
    )
  if (fault.type === 'malformed' || fault.type === 'malformed-sse')
    res.write('data: {"choices": [{"delta":\n\n')
  await waitForDelivery()
  if (fault.type === 'cut') breakConnection(res, 'cut')
  else res.end()
}

async function writeEach(res: ServerResponse, frames: (string | Buffer)[], delayMs: number): Promise<void> {
  for (const frame of frames) {
    if (res.destroyed) return
    const isTaken = res.write(frame)
    if (delayMs > 0) await pause(delayMs)
    else if (!isTaken) await whenDrained(res)
  }
}

/** Returns the pieces that are written before the fault. */
function framesBeforeFault(fault: Fault | undefined, chunks: string[]): (string | Buffer)[] {
  if (fault?.type === 'split') return splitBytes(chunks.join(''), Math.max(1, Math.floor(fault.bytes)))
  if (fault?.type === 'hang') return chunks.slice(0, 1)
  return fault !== undefined && 'afterChunks' in fault ? chunks.slice(0, fault.afterChunks) : chunks
}

function splitBytes(text: string, bytes: number): Buffer[] {
  const whole = Buffer.from(text)
  return Array.from({ length: Math.ceil(whole.length / bytes) }, (_, at) =>
    whole.subarray(at * bytes, (at + 1) * bytes),
  )
}

function contentTypeHeader(fault: Fault | undefined, usual: string): Record<string, string> {
  const type = fault?.type === 'content-type' ? fault.value : usual
  return type === null ? {} : { 'content-type': type }
}

function faultBody(fault: Fault | undefined): string | undefined {
  if (fault?.type !== 'content-type') return undefined
  return fault.body ?? (fault.value?.startsWith('text/html') ? BAD_GATEWAY_PAGE : undefined)
}

/** Waits 5 ms, so that written bytes reach the client before the connection breaks. */
const waitForDelivery = () => pause(5)

const whenDrained = (res: ServerResponse) =>
  new Promise<void>((resolve) => {
    const settle = () => {
      res.off('drain', settle)
      res.off('close', settle)
      resolve()
    }
    res.once('drain', settle)
    res.once('close', settle)
  })
