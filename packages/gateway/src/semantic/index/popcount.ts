/**
 * Population count in WebAssembly, 64 bits at a time: JavaScript has no instruction for it. Measured for 100,000 rows
 * of 256 bits: 0.25 ms here, 0.33 ms with SIMD, which counts bytes, and 1.7 ms in JavaScript.
 *
 *  scan(bits, query, count, rowBytes, limit, found, row) -> end of the results
 *
 * Scans `count` rows of bits and writes number and Hamming distance of each row within `limit` of the query.
 * `rowBytes` is a multiple of 32. All values are addresses or counts in the given memory.
 */
export type Scan = (
  bits: number,
  query: number,
  count: number,
  rowBytes: number,
  limit: number,
  found: number,
  row: number,
) => number

let compiled: WebAssembly.Module | undefined

/** Returns `undefined` without WebAssembly: some hardened servers forbid code generation. */
export function scanOver(memory: WebAssembly.Memory): Scan | undefined {
  try {
    compiled ??= new WebAssembly.Module(moduleBytes())
    return new WebAssembly.Instance(compiled, { m: { m: memory } }).exports.s as Scan
  } catch {
    return undefined
  }
}

const I32 = 0x7f
/** Parameters in order, then locals. */
const [BITS, QUERY, COUNT, ROW_BYTES, LIMIT, FOUND, ROW, DISTANCE, AT, END] = Array.from(
  { length: 10 },
  (_, at) => at,
) as [number, number, number, number, number, number, number, number, number, number]

const ADD = 0x6a
const LOOP = [0x03, 0x40]
const IF = [0x04, 0x40]
const CLOSE = 0x0b
/** Branches to the loop's start while the second value on the stack is less than the top one, unsigned. */
const AGAIN_IF_LESS = [0x49, 0x0d, 0x00]
const get = (local: number) => [0x20, local]
const set = (local: number) => [0x21, local]
const put = (local: number) => [0x22, local]
/** An `i32.const` up to 63, which is one byte. */
const number = (value: number) => [0x41, value]
const load64 = (offset: number) => [0x29, 3, offset]
const store32 = (offset: number) => [0x36, 2, offset]
const XOR_AND_COUNT = [0x85, 0x7b]
const ADD64 = 0x7c
const TO_32 = 0xa7
const AT_MOST = 0x4d

/** Hamming distance of 32 bytes of the row and of the query. */
const differing = [0, 8, 16, 24].flatMap((offset) => [
  ...[...get(BITS), ...load64(offset), ...get(AT), ...load64(offset), ...XOR_AND_COUNT],
  ...(offset === 0 ? [] : [ADD64]),
])

const body = [
  ...[...get(QUERY), ...get(ROW_BYTES), ADD, ...set(END)],
  ...[...get(COUNT), ...get(ROW), ADD, ...set(COUNT)],
  ...LOOP,
  ...[...get(QUERY), ...set(AT), ...number(0), ...set(DISTANCE)],
  ...LOOP,
  ...[...get(DISTANCE), ...differing, TO_32, ADD, ...set(DISTANCE)],
  ...[...get(BITS), ...number(32), ADD, ...set(BITS)],
  ...[...get(AT), ...number(32), ADD, ...put(AT), ...get(END), ...AGAIN_IF_LESS],
  CLOSE,
  ...[...get(DISTANCE), ...get(LIMIT), AT_MOST],
  ...IF,
  ...[...get(FOUND), ...get(ROW), ...store32(0)],
  ...[...get(FOUND), ...get(DISTANCE), ...store32(4)],
  ...[...get(FOUND), ...number(8), ADD, ...set(FOUND)],
  CLOSE,
  ...[...get(ROW), ...number(1), ADD, ...put(ROW), ...get(COUNT), ...AGAIN_IF_LESS],
  CLOSE,
  ...[...get(FOUND), CLOSE],
]

function moduleBytes() {
  const name = (letter: string) => [1, letter.charCodeAt(0)]
  const code = [1, 3, I32, ...body]
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    // Types: seven integers to one. Import: a memory. Functions: one of that type. Export: it. Code.
    ...section(1, [1, 0x60, 7, ...Array<number>(7).fill(I32), 1, I32]),
    ...section(2, [1, ...name('m'), ...name('m'), 2, 0, 1]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...name('s'), 0, 0]),
    ...section(10, [1, ...length(code), ...code]),
  ])
}

const section = (id: number, content: number[]) => [id, ...length(content), ...content]

/** LEB128 length, below 16,384. */
const length = ({ length: size }: number[]) => (size < 128 ? [size] : [(size & 127) | 128, size >> 7])
