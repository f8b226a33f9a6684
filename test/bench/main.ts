import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { createGatewayClient } from '@hotdash/llm-gateway'
import OpenAI from 'openai'
import { inMemory } from './completion.ts'
import { compare, type Result, timed } from './measure.ts'
import { CHUNKS } from './upstream-size.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    calls: { type: 'string', default: '200' },
    'warm-up': { type: 'string', default: '2000' },
    leak: { type: 'string', default: '100000' },
    check: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help) {
  console.log(`Measures the gateway against the bare OpenAI client, in turns, in one process.

  npm run bench -- [--rounds 9] [--calls 200] [--warm-up 2000] [--leak 100000] [--check]

  --warm-up calls of each kind that are made before any is measured: an agent runs for days, not for a second

  --check   exit with 1 if a budget of the README is missed by more than half`)
  process.exit(0)
}
const rounds = Number(values.rounds)
const calls = Number(values.calls)
const warmUp = Number(values['warm-up'])

const upstream = fork(new URL('./upstream.ts', import.meta.url))
const [port] = (await once(upstream, 'message')) as [number]
const options = { baseURL: `http://127.0.0.1:${port}/v1`, apiKey: 'bench' }
const gateway = { agent: 'support', quota: false } as const
const bare = new OpenAI(options)

const prompt = 'The customer asks about order 1234. '.repeat(28)
let asked = 0
const next = () => {
  asked += 1
  return asked
}
const question = (fresh: boolean) => ({
  model: 'gpt-4o-mini',
  messages: [{ role: 'user' as const, content: fresh ? prompt + String(next()) : prompt }],
})

const answer = await (await bare.chat.completions.create(question(false)).asResponse()).text()
const atOnce = inMemory(answer)
const floor = new OpenAI({ ...options, fetch: atOnce })
const caching = createGatewayClient({ ...options, fetch: atOnce, gateway })

const whole = (of: OpenAI, fresh: boolean) => () =>
  timed(async () => await of.chat.completions.create(question(fresh)))

async function firstToken(of: OpenAI): Promise<number> {
  const start = performance.now()
  let first = 0
  for await (const _ of await of.chat.completions.create({ ...question(true), stream: true }))
    first ||= performance.now() - start
  return first
}
const perChunk = async (of: OpenAI) => {
  const total = await timed(async () => {
    for await (const _ of await of.chat.completions.create({ ...question(true), stream: true }));
  })
  return total / CHUNKS
}

type Row = { what: string; result: Result; budget: string; met: boolean }
const rows: Row[] = []
const row = (what: string, result: Result, budget: string, met: boolean) => {
  rows.push({ what, result, budget, met })
  const { bare, gateway, ratio, added, spread } = result
  const figures = [bare, gateway].map((value) => value.toFixed(1).padStart(9)).join('')
  const range = `${spread[0].toFixed(1)}..${spread[1].toFixed(1)}`
  console.log(
    `${what.padEnd(34)}${figures}${ratio.toFixed(2).padStart(8)}${added.toFixed(1).padStart(9)}  ${range.padEnd(15)} ${budget} ${met ? '' : ' MISSED'}`,
  )
}

console.log(
  `µs, medians over ${rounds} rounds of ${calls}, bare and gateway in turns; Node ${process.version}\n`,
)
console.log(
  `${''.padEnd(34)}${'bare'.padStart(9)}${'gateway'.padStart(9)}${'ratio'.padStart(8)}${'added'.padStart(9)}  quartiles       budget`,
)

const hit = await compare(
  { bare: whole(floor, false), gateway: whole(caching, false) },
  rounds,
  calls,
  warmUp,
)
row('memory hit / in-memory fetch', hit, '<= 1.20 x', hit.ratio <= 1.2)
// Created only now: V8 optimises code for the only gateway that there is, as in most programs.
const client = createGatewayClient({ ...options, gateway })
const miss = await compare({ bare: whole(bare, true), gateway: whole(client, true) }, rounds, calls, warmUp)
row('miss, whole', miss, '<= 100 µs added', miss.added <= 100)
const token = await compare(
  { bare: () => firstToken(bare), gateway: () => firstToken(client) },
  rounds,
  Math.ceil(calls / 8),
  Math.ceil(warmUp / 8),
)
row('stream, first token', token, '<= 100 µs added', token.added <= 100)
const chunk = await compare(
  { bare: () => perChunk(bare), gateway: () => perChunk(client) },
  rounds,
  Math.ceil(calls / 8),
  Math.ceil(warmUp / 8),
)
row('stream, per chunk', chunk, '<= 3 µs added', chunk.added <= 3)
const imports = await compare(
  { bare: async () => importing('openai'), gateway: async () => importing('@hotdash/llm-gateway') },
  5,
  3,
)
row('import', imports, '<= 1.30 x', imports.ratio <= 1.3)

const growth = await leak(Number(values.leak))
console.log(
  `\nheap after ${values.leak} calls: ${growth >= 0 ? '+' : ''}${growth.toFixed(2)} MB over the heap after a tenth of them`,
)
upstream.disconnect()
const missed = rows.filter(({ met }) => !met).map(({ what }) => what)
if (missed.length > 0) console.log(`budgets missed: ${missed.join('; ')}`)
if (values.check && (growth > 5 || missed.length > 2)) process.exitCode = 1

/** Milliseconds one import takes in a fresh process. */
function importing(what: string): number {
  const script = `const t = performance.now(); await import(${JSON.stringify(what)}); console.log(performance.now() - t)`
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: new URL('.', import.meta.url),
  })
  return Number(output.toString())
}

/** Half hits, half misses, through the in-memory transport; what a leak per call would show up in. */
async function leak(count: number): Promise<number> {
  const heap = () => {
    globalThis.gc?.()
    return process.memoryUsage().heapUsed / 1e6
  }
  const bounded = createGatewayClient({
    ...options,
    fetch: atOnce,
    gateway: { ...gateway, cache: { exact: { maxBytes: 1e6 } } },
  })
  const run = async (calls: number) => {
    for (let call = 0; call < calls; call += 1)
      await bounded.chat.completions.create(question(call % 2 === 0))
    await bounded.gateway.flush()
  }
  await run(count / 10)
  const before = heap()
  await run(count - count / 10)
  return heap() - before
}
