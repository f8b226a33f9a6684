import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createGatewayClient } from '@hotdash/llm-gateway'
import { Redis } from 'ioredis'
import OpenAI from 'openai'
import { startRedis } from '../redis/server.ts'
import { completion, inMemory } from './completion.ts'
import { compare, timed } from './measure.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    calls: { type: 'string', default: '200' },
    'warm-up': { type: 'string', default: '1500' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help) {
  console.log(`Measures the shared Redis against bare ioredis and the bare OpenAI client, in one run, on a server of its own.

  npm run bench:redis -- [--rounds 7] [--calls 200] [--warm-up 1500]

Exits with 1 if a call takes more commands than it may; times are only told.`)
  process.exit(0)
}
const [rounds, calls, warmUp] = [values.rounds, values.calls, values['warm-up']].map(Number) as [
  number,
  number,
  number,
]

/** Per 100,000 commands, pay as you go. Source: Upstash, "Pricing", 2026-11. */
const USD_PER_100K_COMMANDS = 0.2

const answer = completion('It left the kitchen at 18:42. '.repeat(12))
const options = { baseURL: 'http://127.0.0.1:1/v1', apiKey: 'bench', fetch: inMemory(answer) }
const policy = {
  version: 1,
  routing: { default: 'gpt-4o-mini', escalate: { above: 2_000, to: 'gpt-4o' } },
  models: { 'gpt-4o-mini': { input: 0.15, cachedInput: 0.075, output: 0.6, maxOutput: 16_384 } },
  teams: { bench: { agents: ['bench'], rpm: 1e8, tpm: 1e11, usdPerDay: 1e6 } },
}

const server = await startRedis()
const redis = new Redis(server.url)
const gateway = { agent: 'bench', policy, redis: server.url, deadlines: { redisMs: 2_000 } }
const floor = new OpenAI(options)
/** Asks Redis each time; the other one has a memory before it. */
const shared = createGatewayClient({
  ...options,
  gateway: { ...gateway, cache: { exact: { localSeconds: 0 } } },
})
const layered = createGatewayClient({ ...options, gateway })

const prompt = 'The customer asks about order 1234. '.repeat(28)
let asked = 0
const ask = async (client: OpenAI, fresh: boolean) => {
  asked += 1
  const content = fresh ? prompt + String(asked) : prompt
  return await client.chat.completions.create({ model: 'gpt-4o-mini', messages: [{ role: 'user', content }] })
}

/** Commands per call, as the gateway's connection sent them, and as the server counted them from clients. */
async function commandsOf(client: typeof shared, fresh: boolean): Promise<number> {
  // What a process asks once, when it has just begun, is no call's.
  for (let call = 0; call < 3; call += 1) await ask(client, fresh)
  await client.gateway.flush()
  await setTimeout(200)
  const before = client.gateway.stats().redis?.commands ?? 0
  for (let call = 0; call < 50; call += 1) await ask(client, fresh)
  await client.gateway.flush()
  return ((client.gateway.stats().redis?.commands ?? 0) - before) / 50
}

const rows: [what: string, figure: string, budget: string, met: boolean | undefined][] = []
const row = (...each: (typeof rows)[number]) => rows.push(each)

const perMiss = await commandsOf(shared, true)
const perHit = await commandsOf(shared, false)
const perLocal = await commandsOf(layered, false)
row('commands, hit in memory', String(perLocal), '0', perLocal === 0)
row('commands, hit in Redis', String(perHit), '1', perHit === 1)
row('commands, miss', String(perMiss), '<= 2.5', perMiss <= 2.5)

const [key] = (await redis.keys('gw:{bench}:x:*')).slice(0, 1)
const stored = await redis.strlen(key ?? '')
const taken = Number(await redis.call('MEMORY', 'USAGE', key ?? ''))
row('bytes of an answer: JSON, stored, in Redis', `${answer.length}, ${stored}, ${taken}`, '', undefined)

const hit = await compare(
  { bare: () => timed(() => ask(floor, false)), gateway: () => timed(() => ask(shared, false)) },
  rounds,
  calls,
  warmUp,
)
const get = await compare(
  { bare: () => timed(() => redis.getBuffer(key ?? '')), gateway: () => timed(() => ask(shared, false)) },
  rounds,
  calls,
)
const budget = hit.bare + 1.2 * get.bare
row("µs, SDK's floor", hit.bare.toFixed(0), '', undefined)
row('µs, bare GET', get.bare.toFixed(0), '', undefined)
row(
  'µs, hit in Redis, whole client',
  hit.gateway.toFixed(0),
  `<= ${budget.toFixed(0)}`,
  hit.gateway <= budget,
)

/** Measures calls per second with `atOnce` calls in flight. */
async function rate(atOnce: number, each: () => Promise<unknown>): Promise<number> {
  const total = rounds * calls
  const start = performance.now()
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let done = 0; done < total / atOnce; done += 1) await each()
    }),
  )
  return (total / (performance.now() - start)) * 1_000
}
const rates = [await rate(64, () => ask(shared, false)), await rate(64, () => redis.getBuffer(key ?? ''))]
row(
  'a second, 64 at once: hits in Redis, bare GETs',
  rates.map((each) => each.toFixed(0)).join(', '),
  '',
  undefined,
)
await redis.config('RESETSTAT')
const misses = await rate(64, () => ask(shared, true))
await shared.gateway.flush()
const evalsha = /^cmdstat_evalsha:.*usec_per_call=([\d.]+)/m.exec(await redis.info('commandstats'))?.[1]
row('a second, 64 at once: misses, reserved and settled', misses.toFixed(0), '', undefined)
row('µs on the server for one script, mean of both', evalsha ?? '-', '', undefined)
for (const hits of [0, 0.3, 0.6]) {
  const commands = 1e6 * (hits * perHit + (1 - hits) * perMiss)
  const usd = (commands / 1e5) * USD_PER_100K_COMMANDS
  row(
    `commands of a million calls, ${hits * 100} % hits`,
    `${(commands / 1e6).toFixed(1)} M`,
    `$${usd.toFixed(2)}`,
    undefined,
  )
}

const width = Math.max(...rows.map(([what]) => what.length)) + 2
for (const [what, figure, allowed, met] of rows)
  console.log(
    `${what.padEnd(width)}${figure.padStart(16)}  ${allowed.padEnd(10)} ${met === false ? 'MISSED' : ''}`.trimEnd(),
  )

await Promise.all([shared.gateway.close(), layered.gateway.close()])
redis.disconnect()
await server.close()
if (perLocal !== 0 || perHit !== 1 || perMiss > 4) process.exitCode = 1
