// Fuzzes the parts that read what strangers write, guided by the branches that each input reaches: `npm run test:fuzz --
// --seconds N` for all targets together (60), `--target NAME`, `--seed N`, `--save` writes the inputs that reach new
// branches into test/fuzz/corpus. An input that breaks a property is always written there. Prints a table; ends with 1 if
// a property is broken.
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { ensureRedis, startRedis } from '../redis/server.ts'
import { readCorpus, writeCorpus } from './corpus.ts'
import { MAX_BYTES } from './mutate.ts'
import { TARGETS } from './targets.ts'
import type { Done, Work } from './worker.ts'

/** An input that takes longer never ends, in ms. */
const HUNG_MS = 20_000

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    target: { type: 'string' },
    seed: { type: 'string' },
    save: { type: 'boolean', default: false },
  },
})
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 32))
const chosen = TARGETS.filter((name) => values.target === undefined || values.target === name)
const seconds = Number(values.seconds) / chosen.length
ensureRedis()
const redis = chosen.includes('lua') ? await startRedis() : undefined
let failed = 0

console.log(`seed ${seed}, ${seconds.toFixed(1)} s for each target`)
console.log(
  '| target | inputs | a second | branches reached | of | inputs kept | broken |\n|---|---|---|---|---|---|---|',
)
try {
  for (const name of chosen) await fuzzOne(name)
} finally {
  await redis?.close()
}
console.log(`${chosen.length - failed} passed, ${failed} failed, 0 skipped`)
process.exit(failed === 0 ? 0 : 1)

async function fuzzOne(name: (typeof TARGETS)[number]): Promise<void> {
  const known = readCorpus(name)
  const { inputs, seconds, reached, branches, smallest, found } = await run(name, known)
  const cells = [
    name,
    inputs.toLocaleString('en-US'),
    Math.round(inputs / seconds).toLocaleString('en-US'),
    reached,
    // A script's branches are counted by what was reached.
    name === 'lua' ? '' : branches,
    known.length,
    found.length,
  ]
  console.log(`| ${cells.join(' | ')} |`)
  for (const { input, error } of found) {
    failed = failed === 0 ? 1 : failed
    console.error(`${name}: ${JSON.stringify(Buffer.from(input).toString('latin1'))}\n${error}`)
  }
  const broken = found.map(({ input }) => Buffer.from(input))
  if (values.save) writeCorpus(name, [...known, ...smallest.map((input) => Buffer.from(input)), ...broken])
  else if (broken.length > 0) writeCorpus(name, [...known, ...broken])
}

/** Runs a target in a thread of its own. An input that never ends is its only result. */
function run(target: string, inputs: Buffer[]): Promise<Done> {
  const current = new SharedArrayBuffer(8 + MAX_BYTES)
  const work: Work = { target, seconds, seed, inputs, redisUrl: redis?.url ?? '', current }
  const worker = new Worker(new URL('worker.ts', import.meta.url), { workerData: work })
  const head = new Int32Array(current, 0, 2)
  return new Promise((resolve, reject) => {
    let last = -1
    const watch = setInterval(() => {
      const [, tried = 0] = head
      const isHung = tried === last && tried > 0
      last = tried
      if (!isHung) return
      clearInterval(watch)
      const input = Buffer.from(new Uint8Array(current, 8, head[0] ?? 0).slice())
      const found = [{ input, error: `does not end within ${HUNG_MS / 1_000} s` }]
      void worker.terminate()
      resolve({ inputs: last, seconds, reached: 0, branches: 0, corpus: [], smallest: [], found })
    }, HUNG_MS)
    worker.once('message', (done: Done) => {
      clearInterval(watch)
      resolve(done)
    })
    worker.once('error', (error) => {
      clearInterval(watch)
      reject(error)
    })
  })
}
