import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Fault } from './faults.ts'

/** Writes a whole answer, or breaks it off in the way the fault says. */
export async function deliverWhole(
  res: ServerResponse,
  body: string,
  fault: Fault | undefined,
): Promise<void> {
  const type = fault?.type === 'content-type' ? fault.value : 'application/json'
  const bytes = Buffer.from(body)
  res.writeHead(200, { ...(type === null ? {} : { 'content-type': type }), 'content-length': bytes.length })
  if (fault?.type === 'cut' || (fault?.type === 'reset' && fault.after === 'headers')) {
    res.write(bytes.subarray(0, bytes.length >> 1))
    await sleep(5)
    return void res.socket?.destroy()
  }
  if (fault?.type === 'hang') {
    res.write(bytes.subarray(0, bytes.length >> 1))
    return await gone(res)
  }
  res.end(bytes)
}

/** Writes a stream's chunks, each by itself, until the end or the fault. */
export async function deliverStream(
  res: ServerResponse,
  chunks: string[],
  fault: Fault | undefined,
  delayMs: number,
): Promise<void> {
  const type = fault?.type === 'content-type' ? fault.value : 'text/event-stream; charset=utf-8'
  res.writeHead(200, { ...(type === null ? {} : { 'content-type': type }), 'cache-control': 'no-cache' })
  const limit = fault !== undefined && 'afterChunks' in fault ? fault.afterChunks : Number.POSITIVE_INFINITY
  const pause = fault?.type === 'slow' ? fault.chunkDelayMs : delayMs
  const frames = fault?.type === 'split' ? split(chunks.join(''), fault.bytes) : chunks
  if (fault?.type === 'reset') {
    res.flushHeaders()
    await sleep(5)
    return void res.socket?.destroy()
  }
  if (fault?.type === 'hang' && frames[0] !== undefined) {
    res.write(frames[0])
    return await gone(res)
  }
  for (const [at, frame] of frames.entries()) {
    if (at >= limit) return await breakOff(res, fault)
    if (res.destroyed) return
    const room = res.write(frame)
    if (pause > 0) await sleep(pause)
    else if (!room) await drained(res)
  }
  res.end()
}

async function breakOff(res: ServerResponse, fault: Fault | undefined): Promise<void> {
  if (fault?.type === 'error-event') {
    const message = fault.message ?? 'The server had an error while processing your request.'
    res.write(
      `event: error\ndata: ${JSON.stringify({ error: { message, type: 'server_error', param: null, code: null } })}\n\n`,
    )
  }
  if (fault?.type === 'malformed') res.write('data: {"choices": [{"delta":\n\n')
  // What was written must arrive before the connection breaks.
  await sleep(5)
  if (fault?.type === 'cut') res.socket?.destroy()
  else res.end()
}

function split(text: string, bytes: number): Buffer[] {
  const whole = Buffer.from(text)
  return Array.from({ length: Math.ceil(whole.length / bytes) }, (_, at) =>
    whole.subarray(at * bytes, (at + 1) * bytes),
  )
}

const drained = (res: ServerResponse) =>
  new Promise<void>((resolve) => {
    res.once('drain', resolve)
    res.once('close', resolve)
  })

/** Until the client gives up. */
export const gone = (res: ServerResponse) =>
  new Promise<void>((resolve) => {
    if (res.destroyed) resolve()
    else res.once('close', resolve)
  })
