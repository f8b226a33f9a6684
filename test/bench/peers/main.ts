// Every peer and ours on the same upstream, in turns: `npm run bench:peers -- --help`.
import { type ChildProcess, execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { randomOf } from '../../random.ts'
import { ensureRedis, startRedis } from '../../redis/server.ts'
import { nodeModel, redisVersion } from '../serve/sides.ts'
import { LOOKUPS, lookups } from './lookup.ts'
import { PEERS } from './peers.ts'
import { type Plan, type Result, rowOf } from './result.ts'
import { stages } from './stages.ts'
import { type Around, start } from './started.ts'
import { jsonOf, tablesOf, writeInto } from './tables.ts'
import type { Side, Upstream } from './turns.ts'

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string', default: '40' },
    quick: { type: 'boolean', default: false },
    keep: { type: 'string' },
    write: { type: 'boolean', default: false },
    json: { type: 'string' },
    from: { type: 'string' },
    seed: { type: 'string', default: '1' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help) {
  console.log(`Measures the gateway and its peers beside the bare OpenAI client, in one run, in turns, on an upstream
without delay. Each peer is installed in a folder of its own, and runs in a process of its own.

  npm run bench:peers -- [--only ours,langchain] [--rounds 40] [--quick] [--keep DIR] [--write] [--json FILE] [--from FILE]
                         [--seed 1]

  --only    these peers, with the bare client: ${[...PEERS, ...LOOKUPS].map(({ id }) => id).join(', ')}
  --rounds  turns of each peer; medians are told
  --quick   that it works, not how fast it is
  --keep    a folder in which the peers stay installed for the next run; else a temporary one, removed afterwards
  --write   put the tables and the plot in docs/benchmarks.md, and the figures in test/bench/peers/results.json
  --json    write the figures to this file
  --from    measure nothing, and take the figures of this file: for tables that look different

A peer that cannot be installed, or fails, is listed with the reason; the others go on.`)
  process.exit(0)
}

if (values.from !== undefined) {
  const before = JSON.parse(readFileSync(values.from, 'utf8')) as Result
  console.log(tablesOf(before))
  if (values.write) writeInto(before)
  process.exit(0)
}

const rounds = Number(values.rounds)
const plan: Plan = values.quick
  ? { rounds: 4, calls: 5, loadRounds: 1, loadMs: 200, imports: 1, spend: 200, identical: 100, lost: 20 }
  : { rounds, calls: 10, loadRounds: 3, loadMs: 700, imports: 5, spend: 1_000, identical: 1_000, lost: 20 }
const wanted = values.only?.split(',')
const unknown = wanted?.filter((id) => [...PEERS, ...LOOKUPS].every((peer) => peer.id !== id)) ?? []
if (unknown.length > 0) throw new Error(`There is no peer ${unknown.join(', ')}: see --help.`)
const isWanted = ({ id }: { id: string }) => wanted?.includes(id) ?? true
const peers = PEERS.filter((peer) => peer.id === 'bare' || isWanted(peer))
const lookedUp = LOOKUPS.filter(isWanted).map(({ id }) => id)

const keep = values.keep ? resolve(values.keep) : mkdtempSync(join(tmpdir(), 'llm-gateway-peers-'))
const begun = performance.now()
const loadBefore = loadavg()[0] ?? 0
ensureRedis()
const upstreamProcess = fork(new URL('../upstream.ts', import.meta.url))
const [port] = (await once(upstreamProcess, 'message')) as [number]
const receiver = fork(new URL('./receiver.ts', import.meta.url))
const [receiverPort] = (await once(receiver, 'message')) as [number]
const around: Around = {
  keep,
  upstream: `http://127.0.0.1:${port}/v1`,
  langfuse: {
    baseUrl: `http://127.0.0.1:${receiverPort}`,
    publicKey: 'pk-lf-bench',
    secretKey: 'sk-lf-bench',
  },
}
const upstream: Upstream = {
  async asked() {
    upstreamProcess.send('asked')
    const [asked] = (await once(upstreamProcess, 'message')) as [number]
    return asked
  },
  async delay(ms) {
    upstreamProcess.send(ms)
    await this.asked()
  },
}

const random = randomOf(Number(values.seed))
const rows = peers.map(rowOf)
const sides: Side[] = []
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    void Promise.allSettled(sides.map(({ started }) => started.close())).finally(() => process.exit(1))
  })
try {
  await startAll()
  await stages({ sides, plan, upstream, around, random, say })
  say('lookups without a call')
  rows.push(...(await lookups(lookedUp, keep, plan.rounds, random)))
} finally {
  await Promise.all(sides.map(({ started }) => started.close()))
  for (const child of [upstreamProcess, receiver] satisfies ChildProcess[]) child.disconnect()
  if (values.keep === undefined) rmSync(keep, { recursive: true, force: true })
}

const result: Result = {
  at: new Date().toISOString().slice(0, 10),
  machine: `${availableParallelism()} cores (${nodeModel()}), ${process.platform}`,
  load: [loadBefore, loadavg()[0] ?? 0],
  node: process.version,
  redis: await versionOfRedis(),
  commit: commit(),
  plan,
  minutes: Math.round((performance.now() - begun) / 6_000) / 10,
  rows,
}
console.log(`\n${tablesOf(result)}`)
if (values.json !== undefined) writeFileSync(values.json, jsonOf(result))
if (values.write) writeInto(result)

async function startAll(): Promise<void> {
  for (const [at, peer] of peers.entries()) {
    const row = rows[at]
    if (row === undefined) continue
    try {
      const started = await start(peer, around)
      row.versions = started.versions
      if (started.startMs !== undefined) row.figures['start ms'] = started.startMs
      sides.push({ started, row })
      say(`${peer.name} runs`)
    } catch (error) {
      row.missing.all = String(error).split('\n').slice(0, 2).join(' ').slice(0, 300)
      say(`${peer.name} does not run: ${row.missing.all}`)
    }
  }
}

function say(what: string): void {
  console.log(`${((performance.now() - begun) / 1_000).toFixed(0).padStart(4)} s  ${what}`)
}

async function versionOfRedis(): Promise<string> {
  const server = await startRedis()
  const version = redisVersion(await server.admin.info('server'))
  await server.close()
  return version
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
  } catch {
    return 'unknown'
  }
}
