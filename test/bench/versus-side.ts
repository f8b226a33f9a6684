import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { createGatewayClient } from '@hotdash/llm-gateway'
import type { OpenAI } from 'openai'
import { completion, inMemory } from './completion.ts'
import { countObjects, type Objects } from './objects.ts'
import { CHUNKS } from './upstream-size.ts'

/**
 * One side of a comparison, in a process of its own: the bare client, or the gateway of a built checkout. Measures one
 * batch of calls per message.
 */
export type Batch = { what: What; calls: number; countsObjects?: boolean }
/** Median of the batch, and processor time of its calls, in microseconds per call. */
export type Measured = { median: number; cpu: number; objects?: Objects }
export type What =
  | 'hit'
  | 'miss'
  | 'misses'
  | 'first token'
  | 'stream'
  | 'redis'
  | 'large redis'
  | 'first redis'
  | 'large first redis'
  | 'limits'

const [checkout = '.', side = 'bare', kind = 'hit', upstream = '1', redis = ''] = process.argv.slice(2)
const load = async (path: string): Promise<Record<string, unknown>> => await import(pathToFileURL(path).href)
const bare = createRequire(resolve(checkout, 'packages/gateway/package.json')).resolve('openai')
const { default: Client } = (await load(bare.replace(/\.js$/, '.mjs'))) as { default: typeof OpenAI }
const create =
  side === 'bare'
    ? undefined
    : ((await load(resolve(checkout, 'packages/gateway/dist/index.js')))
        .createGatewayClient as typeof createGatewayClient)

function clientFor(fetch: typeof globalThis.fetch | undefined, gateway: object): OpenAI {
  const options = {
    baseURL: `http://127.0.0.1:${upstream}/v1`,
    apiKey: 'bench',
    maxRetries: 0,
    ...(fetch && { fetch }),
  }
  return create === undefined
    ? new Client(options)
    : create({ ...options, gateway: { agent: 'support', quota: false, ...gateway } })
}

/** The gateway asks Redis each time: its memory serves nothing. */
const ofRedis = {
  redis,
  agent: 'bench',
  policy: { version: 1, teams: { bench: { agents: ['bench'] } } },
  deadlines: { redisMs: 5_000 },
  cache: { exact: { localSeconds: 0 } },
}
/** Memory holds no entry: each is read as if this process had never seen it. */
const unseen = { ...ofRedis, cache: { exact: { localSeconds: 0, maxBytes: 1 } } }
/** Every limit is kept in Redis; none is reached. */
const limited = {
  ...ofRedis,
  quota: {},
  policy: {
    version: 1,
    models: { 'gpt-4o-mini': { input: 0.15, cachedInput: 0.075, output: 0.6, maxOutput: 16_384 } },
    teams: { bench: { agents: ['bench'], rpm: 1e8, tpm: 1e11, usdPerDay: 1e6 } },
  },
}
const [short, long] = [400, 7_900].map((length) => inMemory(completion('x'.repeat(length))))

/** One client per process, as programs have: beside a second gateway each call takes longer. */
const clients: Record<What, () => OpenAI> = {
  hit: () => clientFor(short, {}),
  miss: () => clientFor(short, {}),
  misses: () => clientFor(short, {}),
  'first token': () => clientFor(undefined, {}),
  stream: () => clientFor(undefined, {}),
  redis: () => clientFor(short, ofRedis),
  'large redis': () => clientFor(long, ofRedis),
  'first redis': () => clientFor(short, unseen),
  'large first redis': () => clientFor(long, unseen),
  limits: () => clientFor(short, limited),
}
const client = clients[kind as What]()

const prompt = 'The customer asks about order 1234. '.repeat(28)
let asked = 0
function question(fresh: boolean) {
  asked += 1
  const content = fresh ? prompt + String(asked) : prompt
  return { model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content }] }
}

/** Returns microseconds: of the whole call, or to the first chunk, or per chunk. */
const timed = async (call: () => Promise<unknown>) => {
  const start = performance.now()
  await call()
  return (performance.now() - start) * 1_000
}

async function stream(): Promise<{ first: number; each: number }> {
  const start = performance.now()
  let first = 0
  for await (const _ of await client.chat.completions.create({ ...question(true), stream: true }))
    first ||= performance.now() - start
  return { first: first * 1_000, each: ((performance.now() - start - first) * 1_000) / CHUNKS }
}

const hit = () => timed(() => client.chat.completions.create(question(false)))
const miss = () => timed(() => client.chat.completions.create(question(true)))
const measures: Record<What, () => Promise<number>> = {
  hit,
  miss,
  misses: miss,
  'first token': async () => (await stream()).first,
  stream: async () => (await stream()).each,
  redis: hit,
  'large redis': hit,
  'first redis': hit,
  'large first redis': hit,
  limits: miss,
}

/** A lone call: what the gateway does after it is not the next one's. */
const idleTurn = () => new Promise((resolve) => setImmediate(resolve))

async function measured({ what, calls, countsObjects }: Batch): Promise<Measured> {
  if (countsObjects)
    return { median: 0, cpu: 0, objects: await countObjects(measures[what], calls, idleTurn) }
  const times: number[] = []
  const before = process.cpuUsage()
  for (let call = 0; call < calls; call += 1) {
    times.push(await measures[what]())
    if (what !== 'hit' && what !== 'misses') await idleTurn()
  }
  const { user, system } = process.cpuUsage(before)
  times.sort((a, b) => a - b)
  return { median: times[times.length >> 1] ?? Number.NaN, cpu: (user + system) / calls }
}

process.on('message', (batch: Batch) => {
  measured(batch).then(
    (result) => process.send?.(result),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
})
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
