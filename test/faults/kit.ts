import type { CallRecord, Gateway, GatewayOptions } from '@hotdash/llm-gateway'
import type { Sink } from '@hotdash/llm-gateway/sinks'
import { type FakeOpenAI, startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import OpenAI from 'openai'
import { afterAll, beforeAll, expect } from 'vitest'
import { allowLogInFile } from '../console.ts'
import { type Call, KEY } from './calls.ts'
import { importInstrumented, setProbe } from './instrument.ts'
import { faultAt, type Passage, passagesOf } from './passages.ts'
import { createProgress } from './progress.ts'

/** How one call ended, as its caller sees it. */
export type Outcome = {
  status: number | 'lost'
  code?: string | null | undefined
  message?: string
  sent: number
}

export type Trial = { outcomes: Outcome[]; records: CallRecord[]; flushed: boolean; gateway: Gateway }

export type Scenario = {
  options: () => GatewayOptions
  /** Those of a second process. */
  peer?: () => GatewayOptions
  calls: Call[]
  /** Before each trial. */
  before?: () => unknown
  check: (trial: Trial, point: string) => Promise<void> | void
  /** What no request may hold. @default the team key */
  secrets?: string[]
  /** Requests to upstream of the calls themselves, and not of the gateway's own. @default all */
  counts?: (request: FakeOpenAI['requests'][number]) => boolean
  /** Equal requests that there may be beyond one; the first call's question is asked twice. @default 1 */
  repeats?: number
  /** Whether a flush can be true in the end. @default true */
  isFlushed?: boolean
  /** Passages tried in CI, those that match `about` four times as likely. @default one of each point */
  sample?: number
  about?: RegExp
  /** Points whose first passage is tried beside the sample: it went wrong once. */
  always?: RegExp
}

let gatewayModule: typeof import('@hotdash/llm-gateway')
export let upstream: FakeOpenAI
const unhandled: unknown[] = []
/** Vitest's own listeners cannot look at all that is thrown here. */
const EVENTS = ['unhandledRejection', 'uncaughtException'] as const

/** For a test file of trials: the instrumented gateway, an upstream, and an ear for what is left unhandled. */
export function useFaults() {
  // A fault is logged by whichever part it harms.
  allowLogInFile(/^\[llm-gateway\] GW_/)
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
}

/** Longer than any step of a trial takes, however busy the machine is. */
const HANG_MS = 20_000
/** Why the trial under way is given up. */
let hang: string | undefined

/** What never comes is named, and ends the scenario: each trial like it would take as long. */
export async function inTime<T>(work: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      hang = `${what} hangs`
      reject(new Error(hang))
    }, HANG_MS)
  })
  return await Promise.race([work, tooLong]).finally(() => clearTimeout(timer))
}

/** A gateway of the copy in which faults can be injected, and what it told its sink. */
export function openGateway(options: GatewayOptions): { gateway: Gateway; records: CallRecord[] } {
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
    redis: false,
    ...options,
  })
  return { gateway, records }
}

function clientOf(gateway: Gateway): OpenAI {
  return new OpenAI({
    baseURL: upstream.baseURL,
    apiKey: 'sk-own',
    maxRetries: 0,
    fetch: gateway.fetch,
    defaultHeaders: {
      'x-gateway-token': KEY,
      'x-gateway-tags': '["a"]',
      'x-gateway-session': 'S',
    },
  })
}

const FLUSH_MS = 10_000

async function run(scenario: Scenario, fault: (point: string) => void): Promise<Trial> {
  const { options, peer, calls, counts = () => true } = scenario
  await scenario.before?.()
  upstream.requests.length = 0
  unhandled.length = 0
  hang = undefined
  const { gateway, records } = openGateway(options())
  const other = peer === undefined ? undefined : openGateway(peer()).gateway
  const both = [gateway, ...(other === undefined ? [] : [other])]
  const [client, second] = [clientOf(gateway), clientOf(other ?? gateway)]
  const outcomes: Outcome[] = []
  const sent = () => upstream.requests.filter(counts).length
  setProbe(fault)
  for (const call of calls) {
    const before = sent()
    const end = await inTime(call(client, second), `call ${outcomes.length + 1}`).then(
      () => ({ status: 200 }),
      (error: unknown) => {
        if (hang !== undefined) throw error
        const told = apiError(error)
        if (told?.status === undefined) return { status: 'lost' as const }
        return { status: told.status as number, code: told.code, message: told.message }
      },
    )
    outcomes.push({ ...end, sent: sent() - before })
  }
  // A fault in `flush` itself is its caller's to see; the next one is to find everything in order.
  const flush = async (each: Gateway) => await each.flush(300)
  for (const each of both)
    await inTime(
      flush(each).catch(() => undefined),
      'flush',
    )
  await new Promise((resolve) => setImmediate(resolve))
  setProbe(undefined)
  let flushed = true
  for (const each of both) flushed = (await flushes(each, scenario.isFlushed ?? true)) && flushed
  await other?.close()
  return { outcomes, records, flushed, gateway }
}

/**
 * Whether a flush comes to say that all has arrived: not the first one, which tells what the fault lost, nor while a
 * connection that the fault broke is made anew.
 */
async function flushes(gateway: Gateway, isExpected: boolean): Promise<boolean> {
  const deadline = performance.now() + (isExpected ? FLUSH_MS : 0)
  await inTime(gateway.flush(5_000), 'flush')
  while (!(await inTime(gateway.flush(5_000), 'flush'))) {
    if (performance.now() > deadline) return false
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return true
}

/** What is thrown may be such that nothing can look at it. */
function apiError(error: unknown) {
  try {
    return error instanceof OpenAI.APIError ? error : undefined
  } catch {
    return undefined
  }
}

/** Throws at each function that the scenario comes through, one by one, and holds what becomes of it to its `check`. */
export async function tryAll(scenario: Scenario) {
  const points = new Map<string, number>()
  const trial = await run(scenario, (point) => points.set(point, (points.get(point) ?? 0) + 1))
  expect(trial.flushed).toBe(scenario.isFlushed ?? true)
  expect(unhandled).toEqual([])
  await scenario.check(trial, 'nothing')
  await trial.gateway.close()
  expect(points.size).toBeGreaterThan(100)
  const wrong: string[] = []
  const passages = passagesOf(points, scenario)
  const progress = createProgress(passages.length)
  for (const passage of passages) {
    if (progress.isOver()) break
    const found = await tryOne(scenario, passage)
    wrong.push(...found)
    progress.note(found, wrong)
  }
  progress.end(wrong)
  expect(wrong).toEqual([])
}

async function tryOne(scenario: Scenario, passage: Passage): Promise<string[]> {
  const { secrets = [KEY], counts = () => true, repeats = 1, isFlushed = true } = scenario
  const { point, nth, kind } = passage
  const wrong: string[] = []
  const complain = (what: string) => wrong.push(`${point} (${nth}, ${kind}): ${what}`)
  let trial: Trial
  try {
    trial = await run(scenario, faultAt(passage))
  } catch (error) {
    setProbe(undefined)
    if (hang !== undefined) throw new Error(`${point} (${nth}, ${kind}): ${hang}`)
    complain(`the trial itself failed: ${error instanceof Error ? error.message : 'unknown'}`)
    return wrong
  }
  const requests = [...upstream.requests]
  if (unhandled.length > 0) complain('unhandled')
  if (trial.flushed !== isFlushed) complain(`never flushed: ${trial.gateway.stats().pending} open`)
  if (trial.gateway.stats().pending !== 0) complain('a record stays open')
  for (const { headers } of requests) {
    const names = Object.keys(headers)
    const shown = JSON.stringify(headers)
    if (
      secrets.some((secret) => shown.includes(secret)) ||
      names.some((name) => name.startsWith('x-gateway'))
    )
      complain('a header of the gateway left')
  }
  // Calls differ in their bodies, but for those that are answered from a cache, or after a fault of the first.
  const bodies = requests.filter(counts).map(({ path, text }) => `${path} ${text}`)
  if (bodies.length > scenario.calls.length + repeats - 1 || new Set(bodies).size < bodies.length - repeats)
    complain('sent twice')
  try {
    await scenario.check(trial, point)
  } catch (error) {
    if (hang !== undefined) throw new Error(`${point} (${nth}, ${kind}): ${hang}`)
    complain(error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'unknown')
  }
  await inTime(trial.gateway.close(), 'close')
  if (unhandled.length > 0) complain('unhandled, in the end')
  return [...new Set(wrong)]
}
