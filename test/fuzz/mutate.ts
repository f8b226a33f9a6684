import { mutateJson, type Random } from './mutate-json.ts'

/** Longest input, in bytes. */
export const MAX_BYTES = 4_096

/** Pieces that parsers treat differently from their neighbours. */
const PIECES = [
  '\r\n',
  '\n\n',
  '\r',
  '\ufeff',
  '\u2028',
  '\0',
  '{}',
  '[]',
  '{"',
  '":',
  ',',
  'null',
  'true',
  '-1',
  '0',
  '1e400',
  '9007199254740993',
  '"\\ud800"',
  '\\u0000',
  '__proto__',
  'constructor',
  '%00',
  '%F0%9F',
  'data: ',
  'data:[DONE]',
  'event: ',
  ': ',
  '"',
  '\\',
].map((piece) => Buffer.from(piece))
const BYTES = [0x00, 0x0a, 0x0d, 0x20, 0x22, 0x2c, 0x3a, 0x5c, 0x7b, 0x7d, 0x7f, 0x80, 0xc3, 0xef, 0xff]

/** Changes an input in one to eight places. `other`: an input to take parts of. `words`: the words of the code. */
export function mutate(input: Buffer, other: Buffer, words: readonly Buffer[], random: Random): Buffer {
  const changedJson = random(2) === 0 ? mutateJson(input, other, words, random) : undefined
  if (changedJson !== undefined && changedJson.length <= MAX_BYTES) return changedJson
  let changed = input
  for (let times = 1 << random(4); times > 0; times -= 1) changed = changeOnce(changed, other, words, random)
  return changed.subarray(0, MAX_BYTES)
}

function changeOnce(input: Buffer, other: Buffer, words: readonly Buffer[], random: Random): Buffer {
  const at = random(input.length + 1)
  const to = Math.min(input.length, at + 1 + random(1 << random(7)))
  switch (random(9)) {
    case 0:
      return replaced(input, at, to, Buffer.alloc(0))
    case 1:
      return replaced(input, at, at, oneOf(words, random))
    case 2:
      return replaced(input, at, at, oneOf(PIECES, random))
    case 3:
      return replaced(input, at, to, oneOf(random(2) === 0 ? PIECES : words, random))
    case 4:
      return replaced(input, at, at, input.subarray(at, to))
    case 5: {
      const from = random(other.length + 1)
      return replaced(input, at, to, other.subarray(from, from + 1 + random(64)))
    }
    case 6:
      return replaced(input, at, at + 1, Buffer.of(BYTES[random(BYTES.length)] ?? 0))
    case 7:
      return replaced(input, at, at + 1, Buffer.of((input[at] ?? 0) ^ (1 << random(8))))
    default:
      return withNumber(input, random)
  }
}

const replaced = (input: Buffer, from: number, to: number, by: Buffer) =>
  Buffer.concat([input.subarray(0, from), by, input.subarray(to)])

const oneOf = (list: readonly Buffer[], random: Random) => list[random(list.length)] ?? Buffer.alloc(0)

/** Changes one of the decimal numbers. */
function withNumber(input: Buffer, random: Random): Buffer {
  const text = input.toString('latin1')
  const numbers = [...text.matchAll(/\d+/g)]
  const number = numbers[random(numbers.length)]
  if (number === undefined) return replaced(input, 0, 0, Buffer.from('1'))
  const value = [Number(number[0]) + 1, Number(number[0]) * 1_000, 0, 2 ** random(54), -1][random(5)]
  return replaced(input, number.index, number.index + number[0].length, Buffer.from(`${value}`))
}
