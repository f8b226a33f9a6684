// How long it takes to find the nearest question, what a hit by meaning adds to a call, and how soon one process finds
// what another was answered. Everything that is compared runs in turns, in this one run.
import { parseArgs } from 'node:util'
import { measureAcross } from './across.ts'
import { measureCalls } from './calls.ts'
import { measureIndex, type Row } from './index-table.ts'

const { values } = parseArgs({
  options: {
    sizes: { type: 'string', default: '1000,10000,100000' },
    dims: { type: 'string', default: '256,1024,3072' },
    rounds: { type: 'string', default: '40' },
    entries: { type: 'string', default: '100000' },
    calls: { type: 'string', default: '400' },
    stores: { type: 'string', default: '12' },
    quick: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help) {
  console.log(`Measures how long it takes to find the nearest of so many vectors: by looking at each as floats, in the
flat index, and in usearch, in one run; what a hit by meaning adds to a call beside making the vector; what having it on
adds to exact hits; and the time from one process's store to another's hit, over a Redis of its own.

  npm run bench:lookup -- [--sizes 1000,10000,100000] [--dims 256,1024,3072] [--rounds 40] [--entries 100000]
                          [--calls 400] [--stores 12] [--quick]

Exits with 1 if another process finds an answer later than it may. Other times are told, and judged by the reader.`)
  process.exit(0)
}
const numbers = (list: string) => list.split(',').map(Number)
const plan = values.quick
  ? { sizes: [1_000, 3_000], dims: [256], rounds: 10, entries: 2_000, calls: 60, stores: 3 }
  : {
      sizes: numbers(values.sizes),
      dims: numbers(values.dims),
      rounds: Number(values.rounds),
      entries: Number(values.entries),
      calls: Number(values.calls),
      stores: Number(values.stores),
    }

const header: Row = {
  what: '',
  cells: ['floats', 'flat', 'right', 'add', 'bytes', 'usearch', 'right', 'add', 'bytes'],
}
const rows = [header]
for (const size of plan.sizes)
  for (const dims of plan.dims) rows.push(await measureIndex(size, dims, plan.rounds))
console.log(
  'Microseconds a search and an addition, share of searches that found the nearest, bytes an entry.\n',
)
print(rows)

const [first, ...more] = await measureCalls(plan.entries, plan.calls)
console.log(`\n${first}`)
for (const line of more) console.log(line)

const { line, inTime } = await measureAcross(plan.stores)
console.log(`\n${line}`)
if (!inTime) process.exitCode = 1

function print(rows: Row[]) {
  const widths = header.cells.map((_, at) => Math.max(...rows.map(({ cells }) => cells[at]?.length ?? 0)))
  const first = Math.max(...rows.map(({ what }) => what.length))
  for (const { what, cells } of rows)
    console.log(
      `${what.padEnd(first)}  ${cells.map((cell, at) => cell.padStart(widths[at] ?? 0)).join('  ')}`,
    )
}
