import { type ChildProcess, fork } from 'node:child_process'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import type { GatewayOptions, Policy } from '@hotdash/llm-gateway'
import type { Order, Report, Setting } from './agent.ts'

/** What each call is billed, in dollars: 1,000 output tokens at $50 a million. */
export const CALL_USD = 0.05

/** An OpenAI that answers each call with 1,000 tokens after a while, and keeps books of its own. */
export async function startBilling(delayMs = 50) {
  const times: number[] = []
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      times.push(performance.now())
      setTimeout(() => {
        response.setHeader('content-type', 'application/json')
        response.end(
          JSON.stringify({
            id: `chatcmpl-${times.length}`,
            object: 'chat.completion',
            created: 1,
            model: 'gpt-4o-mini',
            choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'Yes.' } }],
            usage: { prompt_tokens: 10, completion_tokens: 1_000, total_tokens: 1_010 },
          }),
        )
      }, delayMs)
    })
  })
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 2_000 }, resolve))
  const address = server.address()
  return {
    baseURL: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/v1`,
    requests: () => times.length,
    usd: () => times.length * CALL_USD,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

export const policyOf = (team: object): Policy => ({
  version: 1,
  // Known from the start: a first burst is held at what it costs.
  defaultServiceTier: 'default',
  routing: { fallback: false },
  teams: { crew: { agents: ['worker'], ...team } },
  models: { 'gpt-4o-mini': { input: 0, cachedInput: 0, output: 50, maxOutput: 1_000 } },
})

type Unnumbered<T> = T extends unknown ? Omit<T, 'id'> : never
export type Agent = {
  ask: (order: Unnumbered<Order>) => Promise<Report>
  kill: () => void
  end: () => Promise<void>
}

/** Starts `size` processes that share only Redis and upstream. */
export function startAgents(
  size: number,
  redis: string,
  baseURL: string,
  policy: Policy,
  gateway: GatewayOptions = {},
): Promise<Agent[]> {
  const options: GatewayOptions = {
    redis,
    policy,
    agent: 'worker',
    cache: false,
    metrics: false,
    livePolicy: false,
  }
  const setting: Setting = { baseURL, gateway: { ...options, ...gateway } }
  return Promise.all(Array.from({ length: size }, () => startAgent(setting)))
}

async function startAgent(setting: Setting): Promise<Agent> {
  const file = fileURLToPath(new URL('agent.ts', import.meta.url))
  const child: ChildProcess = fork(file, [JSON.stringify(setting)])
  const waiting = new Map<number, (report: Report) => void>()
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.on('message', (report: Report) => waiting.get(report.id)?.(report))
  void ended.then(() => {
    for (const [id, resolve] of waiting) resolve({ id })
  })
  await new Promise<Report>((resolve) => waiting.set(0, resolve))
  let last = 0
  const ask = (order: Unnumbered<Order>) =>
    new Promise<Report>((resolve) => {
      last += 1
      waiting.set(last, resolve)
      if (child.connected) child.send({ ...order, id: last })
      else resolve({ id: last })
    })
  return {
    ask,
    kill: () => void child.kill('SIGKILL'),
    async end() {
      await Promise.race([ask({ end: true }), ended])
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** All bursts at one moment; how all calls ended. */
export async function burst(agents: Agent[], calls: number, stalls = false): Promise<Record<string, number>> {
  const sum: Record<string, number> = {}
  for (const { outcomes = {} } of await Promise.all(agents.map(({ ask }) => ask({ calls, stalls }))))
    for (const [name, count] of Object.entries(outcomes)) sum[name] = (sum[name] ?? 0) + count
  return sum
}
