import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { CrossProcessStats, GatewayOptions, Stats } from '@hotdash/llm-gateway'
import type { FakeOpenAI } from '@hotdash/llm-gateway-testing'
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

/** Starts `size` processes that share only Redis and the address of upstream. */
export async function startCrowd(
  size: number,
  redis: string,
  { baseURL }: Pick<FakeOpenAI, 'baseURL'>,
  gateway: GatewayOptions = {},
): Promise<Crowd> {
  const options = {
    deadlines: { redisMs: 1_000, connectMs: 5_000 },
    policy: PLAIN,
    key: KEY,
    agent: 'asker',
    redis,
  }
  const started = await Promise.all(
    Array.from({ length: size }, (_, at) =>
      startAsker({
        name: `asker-${at}`,
        baseURL,
        gateway: { ...options, coalesce: { crossProcess: true }, ...gateway },
      }),
    ),
  )
  return {
    askers: started.map(({ asker }) => asker),
    close: async () => void (await Promise.all(started.map(({ end }) => end()))),
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

async function startAsker(setting: Setting): Promise<{ asker: Asker; end: () => Promise<void> }> {
  const child: ChildProcess = fork(fileURLToPath(new URL('asker.ts', import.meta.url)), [
    JSON.stringify(setting),
  ])
  const waiting = new Map<number, (told: Told) => void>()
  const ready = new Promise<Told>((resolve) => waiting.set(0, resolve))
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.on('message', (told: Told) => waiting.get(told.id)?.(told))
  void ended.then(() => {
    for (const [id, resolve] of waiting) resolve({ id, error: 'killed' })
  })
  let last = 0

  function tell(order: Unnumbered<Order>, id = ++last): Promise<Told> {
    return new Promise((resolve) => {
      waiting.set(id, resolve)
      child.send({ ...order, id }, () => undefined)
    })
  }

  function ask(content: string, { stream = false, leave }: Parameters<Asker['ask']>[1] = {}) {
    last += 1
    const question = last
    void leave?.then(() => tell({ type: 'leave', question }))
    return tell({ type: 'ask', content, stream }, question)
  }

  await ready
  return {
    asker: {
      name: setting.name,
      ask,
      stats: async () => (await tell({ type: 'stats' })).stats as Stats,
      kill: (signal) => void child.kill(signal),
    },
    async end() {
      child.kill('SIGKILL')
      await ended
    },
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
