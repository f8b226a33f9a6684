// An agent in a process of its own: calls of all kinds at an even rate, through one client with everything on.
import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { createGatewayClient, type GatewayOptions, withGateway } from '@hotdash/llm-gateway'
import { DeliveryError, type Sink } from '@hotdash/llm-gateway/sinks'
import { embedder } from '../semantic-embedder.ts'
import { EMBEDDINGS, MODEL, type Team } from './teams.ts'

export type AgentOrder =
  | { type: 'start'; baseURL: string; gateway: GatewayOptions; callsPerMinute: number; left: number }
  | { type: 'sink'; fails: boolean }
  | { type: 'sample' }
  | { type: 'stop' }

export type Sample = {
  heapMb: number
  rssMb: number
  handles: number
  files: number
  /** Records that wait in all sinks, and those that were lost. */
  queued: number
  dropped: number
  rejected: number
  faults: number
}

export type AgentReport =
  | {
      type: 'sample'
      sample: Sample
      ids: string[]
      own: string[]
      outcomes: Record<string, number>
      ways: Record<string, number>
    }
  | { type: 'stopped'; flushed: boolean; logs: Record<string, number>; unrecorded: string[] }

const MEGABYTE = 1024 * 1024
/** Milliseconds in which `flush()` must succeed. It is `false` while a receiver is slow, which one is now and then. */
const FLUSH_MS = 60_000
let fails = false
const own: string[] = []
/** A sink of the program, which fails when it is told to. */
const ownSink: Sink = {
  name: 'own',
  lingerMs: 200,
  async deliver(reports) {
    await sleep(Math.random() * 20)
    if (fails) throw new DeliveryError('it is told to fail')
    own.push(...reports.map(({ record }) => record.id))
    return undefined
  },
}

let client: ReturnType<typeof createGatewayClient> | undefined
let isStopping = false
let left = 0
/** Calls without a record yet, by number: what they are, and how they ended. */
const unrecorded = new Map<string, string>()
const ids: string[] = []
const outcomes: Record<string, number> = {}
/** How calls were answered: `exact`, `semantic`, `flight`, … */
const ways: Record<string, number> = {}
const logs: Record<string, number> = {}
const inFlight = new Set<Promise<unknown>>()
function count(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1
}
const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T
const tell = (report: AgentReport) => void process.send?.(report)
const noteLog = (line: string) => count(logs, /GW_\w+/.exec(line)?.[0] ?? 'other')

function start({
  baseURL,
  gateway,
  callsPerMinute,
  left: share,
}: Extract<AgentOrder, { type: 'start' }>): void {
  left = share
  client = createGatewayClient({
    baseURL,
    apiKey: 'test-key',
    timeout: 10_000,
    maxRetries: 1,
    logLevel: 'off',
    gateway: {
      ...gateway,
      cache: {
        exact: { maxBytes: 4 * MEGABYTE },
        semantic: { embedder, secret: 'a secret of the soak test', maxBytes: 4 * MEGABYTE },
      },
      sinks: [ownSink],
      logger: { warn: noteLog, info: noteLog },
      onCall({ id, cache, tags }) {
        ids.push(id)
        unrecorded.delete(tags[1] ?? '')
        count(ways, cache)
      },
    },
  })
  const everyMs = 60_000 / callsPerMinute
  let due = performance.now()
  const timer = setInterval(() => {
    if (isStopping) return clearInterval(timer)
    // A process that was busy leaves out what it is late with.
    due = Math.max(due, performance.now() - 1_000)
    for (; due <= performance.now(); due += everyMs) begin()
  }, 10)
}

/** Asks a question, and every 50th twice at once. */
function begin(): void {
  const question = nextQuestion()
  const times = number % 50 === 0 ? 2 : 1
  for (let time = 1; time <= times; time += 1) {
    const call = ask(question, `n${number}.${time}`).then(
      (outcome) => count(outcomes, outcome),
      (error: unknown) => count(outcomes, codeOf(error)),
    )
    inFlight.add(call)
    void call.finally(() => inFlight.delete(call))
  }
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'thrown'
  if ('code' in error && typeof error.code === 'string') return error.code
  if ('status' in error && typeof error.status === 'number') return `status ${error.status}`
  return `${error.constructor.name}: ${error.message.slice(0, 40)}`
}

type Question = { team: Team; content: string; form: 'embedding' | 'whole' | 'stream'; isRepeated: boolean }

/** Returns the same as before, or the same in another spelling, or something new. */
function contentOf(isRepeated: boolean): string {
  if (!isRepeated) return `Question ${process.pid} ${number}: what is the word for it?`
  if (Math.random() < 0.5) return `Where is order ${Math.floor(Math.random() * 20)}?`
  return `How is a password reset${'?'.repeat(1 + Math.floor(Math.random() * 200))}`
}

let number = 0
function nextQuestion(): Question {
  number += 1
  const team: Team = pick(['free', 'free', 'rate', 'money', 'money'])
  const isRepeated = Math.random() < 0.35
  const form = number % 10 === 0 ? 'embedding' : number % 3 > 0 ? 'whole' : 'stream'
  return { team, content: `<${team}> ${contentOf(isRepeated)}`, form, isRepeated }
}

function ask({ team, content, form, isRepeated }: Question, name: string): Promise<string> {
  if (client === undefined) throw new Error('not started')
  const body = { model: MODEL, max_tokens: 100, messages: [{ role: 'user' as const, content }] }
  const isLeft = Math.random() < left
  const signal = isLeft ? AbortSignal.timeout(10 + Math.floor(Math.random() * 30)) : undefined
  const { chat, embeddings, gateway } = client
  const context = {
    agent: team,
    session: `s${number % 50}`,
    user: `u${number % 20}`,
    tags: ['soak', name],
  }
  const kind = `${isRepeated ? 'repeated' : 'new'}${isLeft ? ', left' : ''}, ${team}, ${form}`
  unrecorded.set(name, kind)
  const ended = (how: string) => unrecorded.has(name) && unrecorded.set(name, `${kind}: ${how}`)
  const made = withGateway(context, async () => {
    if (number % 3_000 === 0) await gateway.purge({ team: 'free' }).catch(() => undefined)
    if (form === 'embedding')
      await embeddings.create({ model: EMBEDDINGS, input: content, encoding_format: 'float' }, { signal })
    else if (form === 'whole') await chat.completions.create(body, { signal })
    else for await (const _ of await chat.completions.create({ ...body, stream: true }, { signal }));
    return form
  })
  made.then(ended, (error: unknown) => ended(codeOf(error)))
  return made
}

function sample(): void {
  globalThis.gc?.()
  const { heapUsed, rss } = process.memoryUsage()
  const stats = client?.gateway.stats()
  const sinks = Object.values(stats?.sinks ?? {})
  const sum = (field: 'queued' | 'dropped' | 'rejected') => sinks.reduce((all, sink) => all + sink[field], 0)
  tell({
    type: 'sample',
    sample: {
      heapMb: heapUsed / MEGABYTE,
      rssMb: rss / MEGABYTE,
      handles: process.getActiveResourcesInfo().length,
      files: readdirSync('/proc/self/fd').length,
      queued: sum('queued'),
      dropped: sum('dropped'),
      rejected: sum('rejected'),
      faults: stats?.faults ?? 0,
    },
    ids: ids.splice(0),
    own: own.splice(0),
    outcomes,
    ways,
  })
}

async function stop(): Promise<void> {
  isStopping = true
  await Promise.all(inFlight)
  const until = performance.now() + FLUSH_MS
  let flushed = false
  while (!flushed && performance.now() < until) {
    flushed = (await client?.gateway.flush(FLUSH_MS)) ?? false
    if (!flushed) await sleep(500)
  }
  sample()
  const closed = (await client?.gateway.close(30_000)) ?? false
  client = undefined
  await sleep(500)
  sample()
  tell({ type: 'stopped', flushed: flushed && closed, logs, unrecorded: [...unrecorded.values()] })
}

process.on('message', (order: AgentOrder) => {
  if (order.type === 'start') start(order)
  else if (order.type === 'sink') fails = order.fails
  else if (order.type === 'sample') sample()
  else void stop()
})
process.on('disconnect', () => process.exit(0))
