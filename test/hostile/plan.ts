import { createHash } from 'node:crypto'
import { randomOf } from '../random.ts'

/** What happens to one answer on its way. Nothing of it changes what the answer says; what does is in `damage.ts`. */
export type Plan = {
  /** Of the seed and the request: the same question is always answered over the same way. */
  random: () => number
  newline: '\n' | '\r\n' | '\r'
  /** A byte order mark before the first line. */
  bom: boolean
  /** `data: x`, and not `data:x`. */
  space: boolean
  /** How often something that means nothing comes between two events: comments, blank lines, ids. */
  noise: number
  /** How often the JSON of an event is spread over two lines of data. */
  spread: number
  /** What comes after `[DONE]`. */
  garbage: string
  coding: 'gzip' | 'deflate' | 'br' | undefined
  /** Bytes of the longest piece; 0: whatever has come together leaves together. */
  piece: number
  /** How often a piece waits for a millisecond or three. */
  delay: number
}

const GARBAGE = [
  '',
  'data: {"choices":[{"index":0,"delta":{"content":" and more"},"finish_reason":"stop"}]}\n\n',
  '\u0000\u0007 garbage that is no event',
  'event: error\ndata: {"error":{"message":"too late"}}\n\n',
]

export function planOf(seed: number, request: string): Plan {
  const random = randomOf(createHash('sha256').update(`${seed} ${request}`).digest().readInt32LE())
  const one = <T>(...of: T[]): T => of[Math.floor(random() * of.length)] as T
  return {
    random,
    newline: one('\n', '\n', '\r\n', '\r'),
    bom: random() < 0.3,
    space: random() < 0.7,
    noise: one(0, 0.1, 0.5, 1),
    spread: one(0, 0, 0.3, 1),
    garbage: one(...GARBAGE),
    coding: one(undefined, undefined, undefined, 'gzip', 'deflate', 'br'),
    piece: one(0, 1, 3, 17, 100, 1_000, 20_000),
    delay: one(0, 0.02),
  }
}
