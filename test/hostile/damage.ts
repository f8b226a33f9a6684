import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { randomOf } from '../random.ts'
import { wait } from './cut.ts'

/**
 * How an answer is broken on its way: the connection ends early, or is reset; a compressed body ends early under a clean
 * end of HTTP; a piece has an invalid size; a byte is no UTF-8.
 */
export const DAMAGES = ['early end', 'reset', 'cut gzip', 'bad chunk size', 'no UTF-8'] as const
export type Damage = (typeof DAMAGES)[number]

/** What has been written must have been read before a connection breaks: an error overtakes what waits to be read. */
const ARRIVAL_MS = 50

/** Sends a part of an answer, the same of each answer to the same request, and breaks it in this way. */
export async function sendDamaged(
  answer: IncomingMessage,
  res: ServerResponse,
  damage: Damage,
  seed: string,
): Promise<void> {
  const pieces: Buffer[] = []
  for await (const piece of answer) pieces.push(piece as Buffer)
  const whole = Buffer.concat(pieces)
  const random = randomOf(createHash('sha256').update(`${damage} ${seed}`).digest().readInt32LE())
  const body = damage === 'cut gzip' ? gzipSync(whole) : Buffer.from(whole)
  // Never before the first byte, and never after the last.
  const at = 1 + Math.floor(random() * Math.max(0, body.length - 2))
  const headers = answer.rawHeaders.flatMap((name, index, all) =>
    index % 2 === 0 && name.toLowerCase() !== 'content-length' ? [name, all[index + 1] as string] : [],
  )
  if (damage === 'cut gzip') headers.push('content-encoding', 'gzip')
  res.writeHead(answer.statusCode ?? 200, answer.statusMessage, headers)
  if (damage === 'no UTF-8') {
    body[at] = 0xff
    return void res.end(body)
  }
  res.write(body.subarray(0, at))
  if (damage === 'cut gzip') return void res.end()
  await wait(ARRIVAL_MS)
  if (damage === 'reset') res.socket?.resetAndDestroy()
  else if (damage === 'early end') res.socket?.end()
  else res.socket?.end('no size\r\n')
}
