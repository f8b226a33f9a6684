import { createHash } from 'node:crypto'
import type { CallRecord, Gateway, GatewayOptions, Sink } from '@hotdash/llm-gateway'
import { type FakeOpenAI, startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import OpenAI from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { importInstrumented, setProbe } from './instrument.ts'
import { thrown } from './thrown.ts'

const FUZZ_RUNS = Number(process.env.FUZZ_RUNS ?? 1)
const KEY = 'team-key-that-never-leaves'
const keys = [createHash('sha256').update(KEY).digest('hex')]
const models = { 'gpt-4o-mini': { input: 1, output: 1, cachedInput: 1, maxOutput: 1_000 } }

let gatewayModule: typeof import('@hotdash/llm-gateway')
let upstream: FakeOpenAI
const unhandled: unknown[] = []
/** Vitest's own listeners cannot look at all that is thrown here. */
const EVENTS = ['unhandledRejection', 'uncaughtException'] as const
const others = new Map<string, unknown[]>()
const note = (error: unknown) => void unhandled.push(error)

beforeAll(async () => {
  upstream = await startFakeOpenAI({ tokens: 'approximate' })
  gatewayModule = await importInstrumented()
  for (const event of EVENTS) {
    others.set(event, process.listeners(event as 'uncaughtException'))
    process.removeAllListeners(event)
    process.on(event as 'uncaughtException', note)
  }
}, 120_000)

afterAll(async () => {
  for (const event of EVENTS) {
    process.off(event as 'uncaughtException', note)
    for (const listener of others.get(event) ?? [])
      process.on(event as 'uncaughtException', listener as () => void)
  }
  await upstream.close()
})

/** How one call ended, as its caller sees it. */
type Outcome = { status: number | 'lost'; code?: string | null | undefined; message?: string; sent: number }

type Trial = { outcomes: Outcome[]; records: CallRecord[]; flushed: boolean; gateway: Gateway }

type Scenario = {
  options: GatewayOptions
  calls: ((client: OpenAI) => Promise<unknown>)[]
  check: (trial: Trial, point: string) => Promise<void> | void
}

const ask = (content: string) => ({ model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content }] })
const whole = (client: OpenAI) => client.chat.completions.create(ask('a question'))
/** With its usage: without, it would be booked at its worst. */
const STREAM = { stream: true, stream_options: { include_usage: true } } as const
async function streamed(client: OpenAI) {
  for await (const _ of await client.chat.completions.create({ ...ask('streamed'), ...STREAM }));
}
const embedded = (client: OpenAI) => client.embeddings.create({ model: 'gpt-4o-mini', input: 'x' })
const parsed = (client: OpenAI) =>
  client.responses.create({ model: 'gpt-4o-mini', input: 'x', store: false, metadata: { tags: 'a' } })
const passed = (client: OpenAI) => client.models.list()

/** Longer than any step of a trial takes, however busy the machine is. */
const HANG_MS = 10_000
/** Why the trial under way is given up. */
let hang: string | undefined

/** What never comes is named, and ends the scenario: each trial like it would take as long. */
async function inTime<T>(work: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      hang = `${what} hangs`
      reject(new Error(hang))
    }, HANG_MS)
  })
  return await Promise.race([work, tooLong]).finally(() => clearTimeout(timer))
}

async function run(
  { options, calls }: Scenario,
  fault: ((point: string) => void) | undefined,
): Promise<Trial> {
  const records: CallRecord[] = []
  const sink: Sink = {
    name: 'test',
    deliver: async (reports) => {
      records.push(...reports.map(({ record }) => record))
      return undefined
    },
  }
  const gateway = gatewayModule.createGateway({
    agent: 'support',
    key: KEY,
    sinks: [sink],
    mask: (text) => text,
    ...options,
  })
  const client = new OpenAI({
    baseURL: upstream.baseURL,
    apiKey: 'sk-own',
    maxRetries: 0,
    fetch: gateway.fetch,
  })
  const headers = { 'x-gateway-token': KEY, 'x-gateway-tags': '["a"]', 'x-gateway-session': 'S' }
  const tagged = client.withOptions({ defaultHeaders: headers })
  const outcomes: Outcome[] = []
  hang = undefined
  setProbe(fault)
  for (const call of calls) {
    const before = upstream.requests.length
    const end = await inTime(call(tagged), `call ${outcomes.length + 1}`).then(
      () => ({ status: 200 }),
      (error: unknown) => {
        if (hang !== undefined) throw error
        const told = apiError(error)
        if (told?.status === undefined) return { status: 'lost' as const }
        return { status: told.status as number, code: told.code, message: told.message }
      },
    )
    outcomes.push({ ...end, sent: upstream.requests.length - before })
  }
  // A fault in `flush` itself is its caller's to see; the next one is to find everything in order.
  const flush = async () => await gateway.flush(300)
  await inTime(
    flush().catch(() => undefined),
    'flush',
  )
  await new Promise((resolve) => setImmediate(resolve))
  setProbe(undefined)
  const flushed = await inTime(gateway.flush(5_000), 'flush')
  return { outcomes, records, flushed, gateway }
}

/** What is thrown may be such that nobody can look at it. */
function apiError(error: unknown) {
  try {
    return error instanceof OpenAI.APIError ? error : undefined
  } catch {
    return undefined
  }
}

/** It may not have reached upstream yet when its caller was told. */
const wasSent = ({ sent, message = '' }: Outcome) =>
  sent > 0 || message.includes('after the request was sent')

/** All functions that a scenario comes through, and how often. */
async function pointsOf(scenario: Scenario): Promise<Map<string, number>> {
  const points = new Map<string, number>()
  const trial = await run(scenario, (point) => points.set(point, (points.get(point) ?? 0) + 1))
  expect(trial.flushed).toBe(true)
  await trial.gateway.close()
  return points
}

/** A throw at the nth time that a point is passed. */
function faultAt(point: string, nth: number, what: () => unknown) {
  let left = nth
  return (passing: string) => {
    if (passing !== point) return
    left -= 1
    if (left === 0) throw what()
  }
}

async function tryAll(scenario: Scenario) {
  const points = await pointsOf(scenario)
  expect(points.size).toBeGreaterThan(100)
  const wrong: string[] = []
  let tried = 0
  for (const [point, times] of points) {
    for (const nth of new Set(
      FUZZ_RUNS > 1 ? [1, 2, 3, Math.ceil(times / 2), times] : [tried % 2 === 0 ? 1 : times],
    )) {
      for (let run = 0; run < FUZZ_RUNS; run += 1)
        wrong.push(...(await tryOne(scenario, point, nth, tried++)))
    }
  }
  expect(wrong).toEqual([])
}

async function tryOne(scenario: Scenario, point: string, nth: number, tried: number): Promise<string[]> {
  const wrong: string[] = []
  unhandled.length = 0
  upstream.requests.length = 0
  const before = upstream.requests.length
  let trial: Trial
  try {
    trial = await run(scenario, faultAt(point, nth, thrown[tried % thrown.length] as () => unknown))
  } catch {
    setProbe(undefined)
    if (hang !== undefined) throw new Error(`${point} (${nth}, ${tried % thrown.length}): ${hang}`)
    return [`${point} (${nth}): the trial itself failed`]
  }
  const requests = upstream.requests.slice(before)
  const complain = (what: string) => wrong.push(`${point} (${nth}, ${tried % thrown.length}): ${what}`)
  if (unhandled.length > 0) complain('unhandled')
  if (!trial.flushed) complain(`never flushed: ${JSON.stringify(trial.gateway.stats().pending)} open`)
  if (trial.gateway.stats().pending !== 0) complain('a record stays open')
  for (const { headers } of requests)
    if (
      JSON.stringify(headers).includes(KEY) ||
      Object.keys(headers).some((name) => name.startsWith('x-gateway'))
    )
      complain('a header of ours left')
  // Calls differ in their bodies, but for the second, which is answered from the cache or after a fault of the first.
  const bodies = requests.map(({ path, text }) => `${path} ${text}`)
  if (bodies.length > scenario.calls.length) complain('sent twice')
  if (new Set(bodies).size < bodies.length - 1) complain('sent twice')
  try {
    await scenario.check(trial, point)
  } catch (error) {
    if (hang !== undefined) throw new Error(`${point} (${nth}, ${tried % thrown.length}): ${hang}`)
    complain(error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'unknown')
  }
  await trial.gateway.close()
  return wrong
}

const refused = { policy: { models, teams: { t: { agents: ['support'], keys, models: ['gpt-4o'] } } } }

test('a fault anywhere lets no call through that the policy forbids', async () => {
  await tryAll({
    options: refused,
    calls: [whole, streamed, parsed],
    check({ outcomes }) {
      for (const { status, sent } of outcomes) {
        if (sent > 0) throw new Error('it was sent')
        if (status === 200) throw new Error('it was answered')
      }
    },
  })
}, 600_000)

/** Where the gateway's headers may still be in a request: nothing can be sent after a fault there. */
const BEFORE_ALL =
  /^(asked\.ts|keep-alive\.ts|identify\/headers\.ts:\d+ (hasGatewayHeaders|withoutGatewayHeaders)|door\.ts:\d+ (gatewayFetch|answer))/

/** The way out, whose faults are those of a connection, and the way back: an answer that its caller has, and reads. */
const OUTSIDE =
  /^(pass-through\.ts:\d+ (send|leave)|upstream\/(dispatch\.ts|ask\.ts:\d+ globalFetch)|respond\.ts:\d+ respond|refuse\.ts|body\/(headers-)?at-rest\.ts)/

const mayLose = (point: string) => BEFORE_ALL.test(point) || OUTSIDE.test(point)

async function one(gateway: Gateway, more: object): Promise<Response> {
  const response = await gateway.fetch(`${upstream.baseURL}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer sk-own' },
    body: JSON.stringify({ ...ask(`room? ${Math.random()}`), ...more }),
  })
  await response.text()
  await gateway.flush()
  return response
}

/** Room for two worst cases at the priority tier, which is assumed at first: one that stays held would leave no room for the last call. */
const LIMITS = { usdPerDay: 0.004, tpm: 1_000_000, rpm: 10_000 }

test('a fault anywhere under limits: refused or answered, each record closed, each hold settled', async () => {
  await tryAll({
    options: { policy: { models, teams: { t: { agents: ['support'], keys, ...LIMITS } } } },
    calls: [whole, whole, streamed, embedded, passed],
    async check({ outcomes, gateway }, point) {
      for (const [at, { status, code, sent }] of outcomes.entries()) {
        // What was sent, and of whose answer nothing is known, is booked at its worst.
        const isBooked = outcomes.slice(0, at).some((earlier) => earlier.status !== 200 && wasSent(earlier))
        const mayRefuse = code === 'gateway_fault' || (isBooked && code === 'gateway_daily_usd_exceeded')
        if (status !== 200 && status !== 'lost' && !mayRefuse) throw new Error(`${status} ${code}`)
        if (status === 'lost' && sent === 0 && !mayLose(point)) throw new Error('lost')
      }
      for (let times = 0; times < 2; times += 1) {
        const { status } = await inTime(one(gateway, { n: 1 }), 'a call after it')
        if (status !== 200) throw new Error(`no room: ${status}`)
      }
      // Three answers at once leave no room for a hold; what is booked stands in their way until tomorrow.
      const { status, headers } = await inTime(one(gateway, { n: 3 }), 'a large call after it')
      const isHeldUp = Number(headers.get('retry-after')) <= 1
      if (status !== 200 && (status !== 429 || isHeldUp)) throw new Error(`a hold stays: ${status}`)
    },
  })
}, 600_000)

test('a fault anywhere where nothing binds: every call leaves, once', async () => {
  await tryAll({
    options: { policy: {} },
    calls: [whole, whole, streamed, embedded, passed],
    check({ outcomes }, point) {
      for (const outcome of outcomes)
        if (outcome.status !== 200 && !wasSent(outcome) && !mayLose(point))
          throw new Error(`${outcome.status}, and nothing was sent`)
    },
  })
}, 600_000)
