// How long a vector takes with each embedder of this machine, in turns within one run, and how long the event loop waits.
import { parseArgs } from 'node:util'
import type { Embedder } from '#src/semantic/embedding/embedder.ts'
import { ownQuestions } from './data.ts'
import { embedderOf } from './embedders.ts'

const { values } = parseArgs({
  options: {
    'model-dir': { type: 'string' },
    packages: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help) {
  console.log(`Measures the embedders of this machine in turns.

  node test/bench/semantic/times.ts --model-dir DIR [--packages DIR] [--rounds 5]`)
  process.exit(0)
}

const { texts } = ownQuestions()
const BATCH = 64
const MB = 1e6
const embedders = [
  ['local', embedderOf('local', {})],
  ['minilm', embedderOf('minilm', { folder: values['model-dir'], packages: values.packages })],
] as const

type Figures = { single: number[]; batch: number[]; blocked: number[]; loadMs: number; loadMb: number }
const figures = new Map<string, Figures>()
for (const [name, { embed }] of embedders) {
  const before = process.memoryUsage.rss()
  const loadMs = await timed(() => embed(['Is anybody there?']))
  const loadMb = (process.memoryUsage.rss() - before) / MB
  figures.set(name, { single: [], batch: [], blocked: [], loadMs, loadMb })
}
for (let round = 0; round < Number(values.rounds); round += 1)
  for (const [name, embedder] of embedders) await measure(figures.get(name) as Figures, embedder, round)
for (const [name, { single, batch, blocked, loadMs, loadMb }] of figures)
  console.log(
    `${name.padEnd(8)} loads in ${loadMs.toFixed(0)} ms with ${loadMb.toFixed(0)} MB; ms a text: single ${middle(single)}, of ${BATCH} ${middle(batch)}; event loop blocked at most ${middle(blocked)} ms during a batch`,
  )
for (const [, embedder] of embedders) await embedder.close()

async function measure(into: Figures, { embed }: Embedder, round: number) {
  const part = texts.slice(round * 16, round * 16 + 16)
  for (const text of part) into.single.push(await timed(() => embed([text])))
  let [longest, last] = [0, performance.now()]
  const turn = () => {
    longest = Math.max(longest, performance.now() - last)
    last = performance.now()
  }
  const timer = setInterval(turn, 1)
  into.batch.push((await timed(() => embed(texts.slice(0, BATCH)))) / BATCH)
  clearInterval(timer)
  turn()
  into.blocked.push(longest)
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

function middle(list: readonly number[]): string {
  return (list.toSorted((a, b) => a - b)[list.length >> 1] ?? Number.NaN).toFixed(1)
}
