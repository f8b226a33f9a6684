// `llm-gateway serve` and a real LiteLLM proxy side by side: `npm run bench:serve -- --help`.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { installLitellm, litellmVersion } from '../../litellm/install.ts'
import { randomOf } from '../../random.ts'
import { ensureRedis, startRedis } from '../../redis/server.ts'
import { type Kind, latencies, load, quantile, shuffled, warmUp } from './measure.ts'
import { bare, litellm, nodeModel, redisVersion, type Side, serve } from './sides.ts'
import { columns, figure, signed } from './table.ts'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    calls: { type: 'string' },
    seed: { type: 'string', default: '1' },
    'without-litellm': { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help) {
  console.log(`Measures llm-gateway serve and a real LiteLLM proxy beside the bare upstream, in one run, in turns.

  npm run bench:serve -- [--quick] [--rounds 3] [--seconds 2] [--calls 400] [--seed 1] [--without-litellm]

  --rounds           how often each load is repeated; the median is told
  --seconds          how long each load lasts
  --calls            single calls of each kind, one after another
  --quick            1 round of 0.4 seconds, 40 calls, one proxy: that it works, not how fast it is
  --without-litellm  serve alone

Exits with 1 if anything was not answered, or a hit was none. Times are only told.`)
  process.exit(0)
}
const quick = values.quick
const rounds = Number(values.rounds ?? (quick ? 1 : 3))
const forMs = Number(values.seconds ?? (quick ? 0.4 : 2)) * 1_000
const calls = Number(values.calls ?? (quick ? 40 : 400))
const random = randomOf(Number(values.seed))
const workers = Math.min(2, availableParallelism())

ensureRedis()
const redis = await startRedis()
const upstream = fork(new URL('../upstream.ts', import.meta.url))
const [port] = (await once(upstream, 'message')) as [number]
const baseURL = `http://127.0.0.1:${port}/v1`
const sides: Side[] = []
// The proxies end with this process.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

try {
  sides.push(...(await started()))
  await bench()
} finally {
  await Promise.all(sides.map((side) => side.close()))
  await redis.close()
  upstream.disconnect()
}

async function started(): Promise<Side[]> {
  const all = [bare(port), await serve(baseURL, redis)]
  if (values['without-litellm']) return all
  const installed = installLitellm()
  if ('missing' in installed) {
    console.log(`SKIPPED: LiteLLM was not measured: ${installed.missing}`)
    return all
  }
  process.env.TEST_LITELLM = installed.program
  for (const count of quick || workers === 1 ? [workers] : [1, workers])
    all.push(await litellm(baseURL, redis, count))
  return all
}

async function bench(): Promise<void> {
  const cores = availableParallelism()
  console.log(
    `${cores} cores (${nodeModel()}) shared by everything below; Node ${process.version}, LiteLLM ${litellmVersion}, ` +
      `Redis ${redisVersion(await redis.admin.info('server'))}; seed ${values.seed}\n`,
  )
  const idle = sides.map((side) => side.usage()?.megabytes)
  for (const side of sides) await warmUp(side, quick ? 80 : 800)

  console.log(
    `One call after another, ms: median (p99), and what it adds to the bare upstream; ${calls} calls each`,
  )
  const told = columns(sides.map(({ name }) => name))
  for (const [delay, kind] of [
    [0, 'miss'],
    [100, 'miss'],
    [0, 'hit'],
    [0, 'stream'],
    [100, 'stream'],
  ] as const) {
    upstream.send(delay)
    const times = await latencies(
      sides,
      kind,
      Math.ceil(calls / (delay > 0 || kind === 'stream' ? 4 : 1)),
      random,
    )
    const floor = times.get(sides[0] as Side)
    const of = (side: Side, q: number) =>
      quantile((kind === 'stream' ? times.get(side)?.firstMs : times.get(side)?.ms) ?? [], q)
    const rest = sides[0] && floor ? [of(sides[0], 0.5), of(sides[0], 0.99)] : []
    told(
      `${kind}${kind === 'stream' ? ', first token' : ''}${delay ? `, upstream ${delay} ms` : ''}`,
      sides.map((side) => {
        const [p50, p99] = [of(side, 0.5), of(side, 0.99)]
        const added =
          side === sides[0] ? '' : ` ${signed(p50 - (rest[0] ?? 0))} (${signed(p99 - (rest[1] ?? 0))})`
        return `${figure(p50)} (${figure(p99)})${added}`
      }),
    )
  }

  console.log(
    `\nCalls a second at so many at a time: median of ${rounds} × ${forMs / 1_000} s; in brackets ms, median and p99; processor's ms a call`,
  )
  const rates = columns(sides.map(({ name }) => name))
  for (const [delay, kind, levels] of [
    [0, 'miss', [1, 16, 64]],
    [0, 'hit', [1, 16, 64]],
    [100, 'miss', [64]],
    [0, 'stream', [16]],
  ] as const)
    for (const atOnce of quick ? levels.filter((level) => level === 64) : levels) {
      upstream.send(delay)
      await compareLoads(kind, atOnce, delay, rates)
    }
  upstream.send(0)

  console.log('\nMemory, MB')
  const memory = columns(sides.map(({ name }) => name))
  const all = (each: (number | undefined)[]) => each.map((mb) => (mb === undefined ? '' : mb.toFixed(0)))
  memory('after the start', all(idle))
  memory('after all this', all(sides.map((side) => side.usage()?.megabytes)))
}

async function compareLoads(
  kind: Kind,
  atOnce: number,
  delay: number,
  row: (what: string, cells: string[]) => void,
): Promise<void> {
  const loads = new Map(sides.map((side) => [side, [] as Awaited<ReturnType<typeof load>>[]]))
  // The load's own, and each side's: what others do on the machine disturbs this least.
  let cpu = 0
  const spent = new Map(sides.map((side) => [side, 0]))
  for (let round = 0; round < rounds; round += 1)
    for (const side of shuffled(sides, random)) {
      const before = process.cpuUsage()
      const used = side.usage()?.cpuMs ?? Number.NaN
      const one = await load(side, kind, atOnce, forMs)
      const { user, system } = process.cpuUsage(before)
      spent.set(side, (spent.get(side) ?? 0) + (side.usage()?.cpuMs ?? Number.NaN) - used)
      if (side === sides[0]) cpu = (user + system) / one.ms.length
      loads.get(side)?.push(one)
    }
  const cells = sides.map((side) => {
    const all = loads.get(side) ?? []
    const ms = all.flatMap((one) => one.ms)
    const rate = quantile(
      all.map(({ perSecond }) => perSecond),
      0.5,
    )
    const each = (spent.get(side) ?? Number.NaN) / ms.length
    const took = Number.isNaN(each) ? '' : ` ${figure(each)}`
    return `${rate.toFixed(0)} (${figure(quantile(ms, 0.5))}, ${figure(quantile(ms, 0.99))})${took}`
  })
  row(`${kind}, ${atOnce} at a time${delay ? `, upstream ${delay} ms` : ''}`, cells)
  if (kind === 'miss' && delay === 0)
    console.log(`  (of each call the load itself took ${cpu.toFixed(0)} µs of CPU)`)
}
