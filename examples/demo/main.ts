import {
  type CallRecord,
  createGatewayClient,
  type GatewayClient,
  type Stats,
  withGateway,
} from '@hotdash/llm-gateway'
import { type FakeOpenAI, startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import OpenAI from 'openai'
import { createBoard } from './board.ts'
import { HICCUP } from './catalog.ts'
import { againstBare, breaches, fleetBreaches } from './checks.ts'
import { type Day, planDay, planSharedMorning, planSmallDay } from './day.ts'
import { policyOfToday, startFleet, troubleWith } from './fleet.ts'
import { byMeaning } from './meaning.ts'
import { readOptions, wrong } from './options.ts'
import { mostOf, nano } from './prices.ts'
import { bareModel, type Doing, gatewayModel, type Run, runDay, taking } from './run.ts'
import { isAnywhere, sinkBreaches, sinkTable } from './sinks.ts'
import { acrossProcesses, agentTable, comparison, remarks } from './summary.ts'
import { dollars } from './table.ts'
import { together } from './totals.ts'

/** Latency of the fakes: a fraction of the real API's, so the day takes seconds. */
const SLOWNESS = { latencyMs: 60, chunkDelayMs: 1 }

/** The day is compared call by call with a bare client, so the semantic cache is off here and shown afterwards. */
const WITHOUT_MEANING = { semantic: false } as const

const WHAT_IS_REAL = `Simulated: upstream, its answers, its token counts, its speed (${SLOWNESS.latencyMs} ms, ${SLOWNESS.chunkDelayMs} ms a chunk);
how often people repeat themselves, and what a cache saves depends on that.
Real: the gateway, its limits, the policy's prices. Latencies include the fake, which runs in this process.
A step with a tool is two calls.`

const { steps, seed, live, redis, places } = readOptions()
if (live && !process.env.OPENAI_API_KEY)
  wrong('--live asks the real API: set OPENAI_API_KEY, or leave --live out.')
if (live && redis !== undefined) wrong('--redis is for the fakes: leave --live out.')
const plan = live ? planSmallDay() : planDay({ steps, seed })
const day = redis === undefined ? plan : [...planSharedMorning(), ...plan]
const records: CallRecord[] = []
const clocks = new Map(day.flat().map(({ id, clock }) => [id, clock]))
const board = createBoard(
  live ? 'A small day, real API' : `A day of nine agents, seed ${seed}`,
  process.stdout,
)

function onCall(record: CallRecord) {
  records.push(record)
  board.add({ clock: clocks.get(record.trace ?? '') ?? '', record })
}

process.once('SIGINT', () => {
  board.stop()
  console.log(`\nInterrupted. The day until now:\n\n${agentTable(records)}\n\n${remarks(records)}`)
  process.exit(130)
})

/** One client for all agents, which share cache and limits. Each call names its agent. */
async function throughGateway(client: GatewayClient): Promise<Run> {
  const doing: Doing = ({ agent, id }, work) => withGateway({ agent, trace: id }, work)
  const run = await runDay(day, taking({ client, modelFor: gatewayModel, doing }))
  // Losses are printed below, by sink name.
  await client.gateway.flush(240_000)
  board.stop()
  console.log(`\n${agentTable(records)}\n\n${remarks(records)}`)
  tellOfSinks([client.gateway.stats()])
  return run
}

async function fakeDay(day: Day): Promise<string[]> {
  const [upstream, bareUpstream] = await Promise.all([startFakeOpenAI(SLOWNESS), startFakeOpenAI(SLOWNESS)])
  for (const each of [upstream, bareUpstream]) stageHiccup(each)
  const policy = isAnywhere(places) ? { policy: policyOfToday() } : {}
  const client = createGatewayClient({
    baseURL: upstream.baseURL,
    apiKey: 'fake',
    gateway: { onCall, ...places, ...policy, cache: WITHOUT_MEANING },
  })
  const gateway = await throughGateway(client)
  const stats = client.gateway.stats()

  const sent = upstream.count()
  const bare = await bareDay(day, bareUpstream, { gateway, sent })
  await Promise.all([client.gateway.close(), upstream.close(), bareUpstream.close()])
  return [
    ...breaches(gateway, records, stats),
    ...againstBare(records, sent, bare, stats),
    ...sinkBreaches([stats], records.length),
    ...(await byMeaning()),
  ]
}

/** Runs each agent in its own process, with one Redis for all. */
async function dayOfProcesses(day: Day, redis: string): Promise<string[]> {
  const trouble = await troubleWith(redis)
  if (trouble !== undefined) wrong(`--redis: there is no Redis to be reached: ${trouble}`)
  const [upstream, bareUpstream] = await Promise.all([startFakeOpenAI(SLOWNESS), startFakeOpenAI(SLOWNESS)])
  for (const each of [upstream, bareUpstream]) stageHiccup(each)
  const fleet = startFleet({ baseURL: upstream.baseURL, redis, places }, onCall)
  const gateway = await runDay(day, fleet.take)
  const all = await fleet.finish()
  board.stop()
  const stats = together(all)
  console.log(
    `\n${agentTable(records)}\n\n${remarks(records)}\n\n${acrossProcesses(records, all, fleet.policy)}`,
  )
  tellOfSinks(all)
  const sent = upstream.count()
  const bare = await bareDay(day, bareUpstream, { gateway, sent })
  await Promise.all([upstream.close(), bareUpstream.close()])
  return [
    ...breaches(gateway, records, stats),
    ...againstBare(records, sent, bare, stats),
    ...fleetBreaches(records, all, fleet.policy),
    ...sinkBreaches(all, records.length),
  ]
}

function tellOfSinks(all: Stats[]) {
  if (isAnywhere(places)) console.log(`\n${sinkTable(all)}`)
}

async function bareDay(day: Day, upstream: FakeOpenAI, like: { gateway: Run; sent: number }): Promise<Run> {
  console.log('\nThe same day again, on the bare client ...')
  const client = new OpenAI({ baseURL: upstream.baseURL, apiKey: 'fake' })
  const bare = await runDay(day, taking({ client, modelFor: bareModel }))
  console.log(`\n${comparison({ ...like, records, bare, bareSent: upstream.count() })}`)
  console.log(`\n${WHAT_IS_REAL}`)
  return bare
}

function stageHiccup(upstream: FakeOpenAI) {
  upstream.fail({ type: 'status', status: 503 }, { when: ({ text }) => text.includes(HICCUP) })
}

async function liveDay(day: Day): Promise<string[]> {
  console.log(
    `This asks the real API and costs ${dollars(mostOf(day))} at the very most, by the policy's prices.`,
  )
  const client = createGatewayClient({ gateway: { onCall, ...places, cache: WITHOUT_MEANING } })
  const gateway = await throughGateway(client)
  const stats = client.gateway.stats()
  const [paid, worth] = [nano(stats.costUsd), nano(stats.costUsd) + nano(stats.savedUsd)]
  console.log(
    `\nPaid ${dollars(paid)}. Without the cache it would have been about ${dollars(worth)}: ` +
      'reckoned from the records; the bare client was not run.',
  )
  const found = breaches(gateway, records, stats)
  await client.gateway.close()
  return found
}

try {
  const found = await (live ? liveDay(day) : redis === undefined ? fakeDay(day) : dayOfProcesses(day, redis))
  for (const breach of found.slice(0, 20)) console.error(`BROKEN: ${breach}`)
  console.log(found.length === 0 ? '\nAll promises kept.' : `\nPromises broken: ${found.length}.`)
  process.exitCode = found.length === 0 ? 0 : 1
} catch (error) {
  board.stop()
  console.error(`The day broke off: ${(error as Error).message}`)
  process.exit(1)
}
