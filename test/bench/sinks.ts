import { fork } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { createGatewayClient, type GatewayOptions } from '@hotdash/llm-gateway'
import { Langfuse, observeOpenAI } from 'langfuse'
import OpenAI from 'openai'
import { startRedis } from '../redis/server.ts'
import { compare, type Result, timed } from './measure.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    calls: { type: 'string', default: '200' },
    'warm-up': { type: 'string', default: '1000' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help) {
  console.log(`Measures what sinks cost a caller: all of them on against all of them off, in turns, in one process.
Langfuse is a stand-in, Supabase a table that takes every row, Redis is real; each is a process of its own.

  npm run bench:sinks -- [--rounds 7] [--calls 200] [--warm-up 1000]

Exits with 1 if a record got lost; times are only told.`)
  process.exit(0)
}
const [rounds, calls, warmUp] = [values.rounds, values.calls, values['warm-up']].map(Number) as [
  number,
  number,
  number,
]

type Receivers = { langfuse: { baseUrl: string; publicKey: string; secretKey: string }; supabase: string }

const upstream = fork(new URL('./upstream.ts', import.meta.url))
const [port] = (await once(upstream, 'message')) as [number]
const redis = await startRedis()
const options = { baseURL: `http://127.0.0.1:${port}/v1`, apiKey: 'bench' }
const bare = new OpenAI(options)

const prompt = 'The customer asks about order 1234. '.repeat(28)
let asked = 0
const ask = (of: OpenAI) => () =>
  timed(async () => {
    asked += 1
    await of.chat.completions.create({
      model: 'gpt-4o-mini',
      messages: [{ role: 'user', content: `${prompt}${asked}` }],
    })
  })

/** Microseconds of processor time a call takes in this process, deliveries included. */
async function cpuOf(each: () => Promise<number>, end: () => Promise<unknown>): Promise<number> {
  const total = rounds * calls
  const before = process.cpuUsage()
  for (let call = 0; call < total; call += 1) await each()
  await end()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / total
}

function row(
  what: string,
  { bare, gateway, added, spread }: Result,
  cpu: [off: number, on: number],
  budget = '',
) {
  const figures = [bare, gateway, added].map((value) => value.toFixed(0).padStart(8)).join('')
  const range = `${spread[0].toFixed(0)}..${spread[1].toFixed(0)}`
  const times = cpu.map((value) => value.toFixed(0).padStart(8)).join('')
  console.log(`${what.padEnd(40)}${figures}${range.padStart(12)}${times}  ${budget}`.trimEnd())
}

const heads = ['off', 'on', 'added'].map((head) => head.padStart(8)).join('')
console.log(
  `${'µs a call'.padEnd(40)}${heads}${'quartiles'.padStart(12)}${'CPU off'.padStart(8)}${'CPU on'.padStart(8)}`,
)

let lost = 0
for (const version of ['4', '2']) {
  const child = fork(new URL('./receivers.ts', import.meta.url), [version])
  const [receivers] = (await once(child, 'message')) as [Receivers]
  const shared: GatewayOptions = {
    agent: 'support',
    redis: redis.url,
    quota: false,
    queue: { maxReports: 50_000 },
  }
  const off = createGatewayClient({
    ...options,
    gateway: { ...shared, metrics: false, langfuse: false, supabase: false },
  })
  const on = createGatewayClient({
    ...options,
    gateway: {
      ...shared,
      langfuse: receivers.langfuse,
      supabase: { url: receivers.supabase, secretKey: 'sb_secret_bench' },
    },
  })
  const result = await compare({ bare: ask(off), gateway: ask(on) }, rounds, calls, warmUp)
  const cpu: [number, number] = [
    await cpuOf(ask(off), () => off.gateway.flush()),
    await cpuOf(ask(on), () => on.gateway.flush(30_000)),
  ]
  const met = result.added <= 50
  row(`all sinks, Langfuse ${version}`, result, cpu, `<= 50 added${met ? '' : '  MISSED'}`)
  await on.gateway.close(30_000)
  await off.gateway.close()
  const { sinks = {}, calls: made } = on.gateway.stats()
  for (const [name, { delivered }] of Object.entries(sinks))
    if (delivered !== made) {
      lost += made - delivered
      console.log(`${name}: ${delivered} of ${made} delivered`)
    }

  if (version === '2') {
    const langfuse = new Langfuse(receivers.langfuse)
    const observed = observeOpenAI(bare, { clientInitParams: receivers.langfuse })
    const peer = await compare({ bare: ask(bare), gateway: ask(observed) }, rounds, calls, warmUp)
    const flush = () => observed.flushAsync()
    const peerCpu: [number, number] = [
      await cpuOf(ask(bare), () => Promise.resolve()),
      await cpuOf(ask(observed), flush),
    ]
    row('peer: observeOpenAI, langfuse 3.39.2', peer, peerCpu)
    await langfuse.shutdownAsync()
  }
  child.disconnect()
}
upstream.disconnect()
await redis.close()
if (lost > 0) process.exitCode = 1
