import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { CrossProcessStats, GatewayOptions, Stats } from '@hotdash/llm-gateway'
import { type FakeOpenAI, startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import type { Order, Setting, Told } from './asker.ts'

export type Got = Pick<Told, 'content' | 'cache' | 'error'>

/** A process that asks. It is known to upstream by its name. */
export type Asker = {
  name: string
  /** `leave`: resolves when it does not want the answer any more. */
  ask: (content: string, how?: { stream?: boolean; leave?: Promise<void> }) => Promise<Got>
  stats: () => Promise<Stats>
  kill: (signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT') => void
}

export type Crowd = { askers: Asker[]; close: () => Promise<void> }

type Process = {
  tell: (order: Unnumbered<Order>, id?: number) => Promise<Told>
  nextId: () => number
  kill: ChildProcess['kill']
  isAlive: () => boolean
  end: () => Promise<void>
}

/** Processes of earlier crowds of the test file: to start one takes long on a busy machine. */
const idle: Process[] = []

/** Answers the first call of each process, so that no test counts it. */
let warmUpstream: Promise<FakeOpenAI> | undefined

/** Ends all processes. For the end of a test file. */
export async function endCrowds(): Promise<void> {
  const ended = idle.splice(0).map(({ end }) => end())
  await Promise.all([...ended, warmUpstream?.then((upstream) => upstream.close())])
  warmUpstream = undefined
}

/** Starts `size` processes that share only Redis and the address of upstream, or takes idle ones, with new clients. */
export async function startCrowd(
  size: number,
  redis: string,
  { baseURL }: Pick<FakeOpenAI, 'baseURL'>,
  gateway: GatewayOptions = {},
): Promise<Crowd> {
  const options = {
    // Long, for a machine that does other work as well.
    deadlines: { redisMs: 60_000, connectMs: 60_000 },
    policy: PLAIN,
    key: KEY,
    agent: 'asker',
    redis,
  }
  const processes = await Promise.all(
    Array.from({ length: size }, () => idle.pop() ?? startWarmProcess(options)),
  )
  const askers = await Promise.all(
    processes.map((process, at) =>
      startAsker(process, {
        name: `asker-${at}`,
        baseURL,
        gateway: { ...options, coalesce: { crossProcess: true, waitMs: 120_000 }, ...gateway },
      }),
    ),
  )
  return {
    askers,
    close: async () => {
      for (const { kill } of processes) kill('SIGCONT')
      idle.push(...processes.filter(({ isAlive }) => isAlive()))
    },
  }
}

/**
 * A policy without limits and failover. Upstream identifies each process by its API key; the processes share answers as
 * one team with one team key.
 */
const PLAIN = {
  teams: { crowd: { agents: ['asker'] } },
  routing: { fallback: false as const },
  cache: { sharedBetweenAccounts: true },
}
const KEY = 'the team key of the crowd'

type Unnumbered<T> = T extends unknown ? Omit<T, 'id'> : never

/** Loads all modules that calls need: on a busy machine that can block the event loop for longer than a lease lives. */
async function startWarmProcess(gateway: GatewayOptions): Promise<Process> {
  warmUpstream ??= startFakeOpenAI({ tokens: 'approximate' })
  const [process, { baseURL }] = await Promise.all([startProcess(), warmUpstream])
  const { ask, stats } = await startAsker(process, { name: 'warm-up', baseURL, gateway })
  await ask('warm-up')
  await ask('warm-up', { stream: true })
  await stats()
  return process
}

async function startProcess(): Promise<Process> {
  const child = fork(fileURLToPath(new URL('asker.ts', import.meta.url)))
  const waiting = new Map<number, (told: Told) => void>()
  const ready = new Promise<Told>((resolve) => waiting.set(0, resolve))
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.on('message', (told: Told) => waiting.get(told.id)?.(told))
  void ended.then(() => {
    for (const [id, resolve] of waiting) resolve({ id, error: 'killed' })
  })
  let last = 0
  const nextId = () => ++last
  await ready
  return {
    nextId,
    tell: (order, id = nextId()) =>
      new Promise((resolve) => {
        waiting.set(id, resolve)
        child.send({ ...order, id }, () => undefined)
      }),
    kill: (signal) => child.kill(signal),
    isAlive: () => child.connected && child.exitCode === null && child.signalCode === null,
    async end() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

async function startAsker({ tell, nextId, kill }: Process, setting: Setting): Promise<Asker> {
  function ask(content: string, { stream = false, leave }: Parameters<Asker['ask']>[1] = {}) {
    const question = nextId()
    void leave?.then(() => tell({ type: 'leave', question }))
    return tell({ type: 'ask', content, stream }, question)
  }
  await tell({ type: 'start', setting })
  return {
    name: setting.name,
    ask,
    stats: async () => (await tell({ type: 'stats' })).stats as Stats,
    kill: (signal) => void kill(signal),
  }
}

/** What all of them together have counted. */
export async function countedBy(askers: Asker[]): Promise<CrossProcessStats> {
  const sum = { leaders: 0, takeovers: 0, followers: 0, fallbacks: 0 }
  for (const { crossProcess: acrossProcesses } of await Promise.all(askers.map((asker) => asker.stats())))
    for (const name of ['leaders', 'takeovers', 'followers', 'fallbacks'] as const)
      sum[name] += acrossProcesses?.[name] ?? 0
  return sum
}
