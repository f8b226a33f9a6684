import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { type RedisServer, redisBinary, startRedis } from '../redis/server.ts'
import { quantile } from './measure.ts'
import { type SideProcess, sentCommands, startSide } from './versus-process.ts'
import type { Measured, What } from './versus-side.ts'

const { values } = parseArgs({
  options: {
    with: { type: 'string' },
    rounds: { type: 'string', default: '300' },
    calls: { type: 'string', default: '40' },
    'warm-up': { type: 'string', default: '6000' },
    only: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help) {
  console.log(`Measures this checkout against the bare OpenAI client and, if given, against another checkout, in one run.
Each side is a process of its own; they take turns in short batches, so that a disturbance affects all of them.

  npm run bench:versus -- [--with DIR] [--rounds 300] [--calls 40] [--warm-up 6000] [--only miss,limits]

  --with    another checkout, built: git worktree add DIR 16e02bd && cd DIR && npm ci && npm run build
  --only    some of: hit, miss, misses, first token, stream, redis, large redis, first redis, large first redis, limits, import

Figures are those of the batch that a tenth of all batches stay below: on a busy machine, the undisturbed ones.`)
  process.exit(0)
}
const [rounds, calls, warmUp] = [values.rounds, values.calls, values['warm-up']].map(Number) as [
  number,
  number,
  number,
]

const here = new URL('../..', import.meta.url).pathname
type Checkout = { name: string; checkout: string; side: 'bare' | 'gateway'; redis?: RedisServer }
const checkouts: Checkout[] = [
  { name: 'bare', checkout: here, side: 'bare' },
  ...(values.with === undefined
    ? []
    : [{ name: 'before', checkout: values.with, side: 'gateway' } satisfies Checkout]),
  { name: 'now', checkout: here, side: 'gateway' },
]
// A server for each: its counts of commands are one side's.
if (redisBinary() !== undefined)
  for (const each of checkouts) if (each.side === 'gateway') each.redis = await startRedis()
/** Answers streams; whole answers need no network. */
const upstream = fork(new URL('./upstream.ts', import.meta.url))
const [port] = (await once(upstream, 'message')) as [number]

type Side = SideProcess & { name: string; redis: RedisServer | undefined }

async function startSides(what: What): Promise<Side[]> {
  const sides: Side[] = []
  for (const { name, checkout, side, redis } of checkouts)
    sides.push({ name, redis, ...(await startSide({ checkout, side, what, port, redis })) })
  return sides
}

/** Calls per batch, and per warm-up, are fewer where one takes longer. */
const MEASURED: [what: What, label: string, share: number][] = [
  ['hit', 'hit in memory', 1],
  ['miss', 'lone miss, after an idle turn', 1],
  ['misses', 'misses one after another', 1],
  ['first token', 'stream, first token', 1 / 8],
  ['stream', 'stream, per chunk', 1 / 8],
  ['redis', 'hit in Redis, 400 characters, read before', 1],
  ['large redis', 'hit in Redis, 8 KB, read before', 1],
  ['first redis', 'hit in Redis, 400 characters, read first', 1],
  ['large first redis', 'hit in Redis, 8 KB, read first', 1],
  ['limits', 'miss with limits in Redis', 1 / 2],
]
const WITH_REDIS = new Set<What>(['redis', 'large redis', 'first redis', 'large first redis', 'limits'])

const wanted = values.only?.split(',')
const measured = MEASURED.filter(
  ([what]) =>
    (wanted?.includes(what) ?? true) && (!WITH_REDIS.has(what) || checkouts.some(({ redis }) => redis)),
)

console.log(
  `µs, ${rounds} rounds of ${calls} in turns, each side in a process of its own; Node ${process.version}`,
)
for (const [what, label, share] of measured) {
  const sides = await startSides(what)
  for (const { ask } of sides) await ask({ what, calls: Math.ceil(warmUp * share) })
  for (const { redis } of sides) await redis?.admin.config('RESETSTAT')
  const results = new Map<string, Measured[]>(sides.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds * Math.max(share, 1 / 3); round += 1)
    for (let turn = 0; turn < sides.length; turn += 1) {
      // Who goes first takes turns, too.
      const side = sides[(turn + round) % sides.length]
      if (side === undefined) continue
      results.get(side.name)?.push(await side.ask({ what, calls: Math.ceil(calls * share) }))
    }
  console.log(`\n${label}`)
  const made = Math.ceil(calls * share) * (results.get('now')?.length ?? 0)
  const best = (name: string, of: 'median' | 'cpu') => {
    const figures = (results.get(name) ?? []).map((measured) => measured[of])
    return [quantile(figures, 0.1), quantile(figures, 0.5)] as const
  }
  for (const { name, redis } of sides) {
    const [wall, middle] = best(name, 'median')
    const [cpu] = best(name, 'cpu')
    const against = sides
      .filter((other) => other.name !== name && other.name !== 'now')
      .map(({ name: other }) => {
        const [theirs] = best(other, 'median')
        return `${(wall - theirs).toFixed(1).padStart(7)} (${(wall / theirs).toFixed(3)} x) vs ${other}`
      })
    const commands = redis && WITH_REDIS.has(what) ? `  ${await commandsOf(redis, made)}` : ''
    console.log(
      `  ${name.padEnd(8)}${wall.toFixed(1).padStart(8)}  median ${middle.toFixed(1).padStart(7)}  CPU ${cpu.toFixed(1).padStart(7)}  ${against.join('  ')}${commands}`.trimEnd(),
    )
  }
  for (const { end } of sides) end()
}

const imports = new Map<string, number[]>()
if (wanted?.includes('import') ?? true) console.log('\nimport, in fresh processes')
for (let round = 0; round < ((wanted?.includes('import') ?? true) ? 15 : 0); round += 1)
  for (const { name, checkout, side } of checkouts) {
    const what = side === 'bare' ? 'openai' : `${checkout}/packages/gateway/dist/index.js`
    imports.set(name, [...(imports.get(name) ?? []), importing(what)])
  }
const floor = quantile(imports.get('bare') ?? [], 0.1)
for (const [name, taken] of imports)
  console.log(
    `  ${name.padEnd(8)}${quantile(taken, 0.1).toFixed(1).padStart(8)} ms CPU  ${(quantile(taken, 0.1) / floor).toFixed(3)} x`,
  )

upstream.disconnect()
for (const { redis } of checkouts) await redis?.close()

/** Milliseconds of processor time that one import takes in a fresh process: wall time says more about its neighbours. */
function importing(what: string): number {
  const script = `const before = process.cpuUsage(); await import(${JSON.stringify(what)}); const { user, system } = process.cpuUsage(before); console.log((user + system) / 1_000)`
  return Number(execFileSync(process.execPath, ['--input-type=module', '-e', script], { cwd: here }))
}

/** Commands of clients for each call, and the time that the server spent on all it ran, scripts' own commands included. */
async function commandsOf(redis: RedisServer, calls: number): Promise<string> {
  const sent = await sentCommands(redis)
  const told = sent.map(({ name, count }) => `${name} ${(count / calls).toFixed(3)}`).join(', ')
  const usec = sent.reduce((sum, command) => sum + command.usec, 0)
  return `commands a call: ${told}; server ${(usec / calls).toFixed(1)} µs`
}
