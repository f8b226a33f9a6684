import { fork } from 'node:child_process'
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

/** Processes without a client, of earlier agents of the test file: to start one takes long on a busy machine. */
const idle: Agent[] = []

/** Ends all processes. For the end of a test file. */
export const endProcesses = (): void => {
  for (const { kill } of idle.splice(0)) kill()
}

/**
 * Starts `size` agents that share only Redis and upstream, each in a process of its own.
 *
 * @param isCold starts new processes, which load their modules during their first calls.
 */
export async function startAgents(
  size: number,
  redis: string,
  baseURL: string,
  policy: Policy,
  isCold = false,
): Promise<Agent[]> {
  const options: GatewayOptions = {
    redis,
    policy,
    agent: 'worker',
    cache: false,
    metrics: false,
    livePolicy: false,
  }
  const start: Setting = { baseURL, gateway: options }
  const take = () => (isCold ? undefined : idle.pop()) ?? startProcess()
  const agents = await Promise.all(Array.from({ length: size }, take))
  await Promise.all(agents.map(({ ask }) => ask({ start })))
  return agents
}

async function startProcess(): Promise<Agent> {
  const child = fork(fileURLToPath(new URL('agent.ts', import.meta.url)))
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
  const agent: Agent = {
    ask,
    kill: () => void child.kill('SIGKILL'),
    async end() {
      await ask({ end: true })
      if (child.connected) idle.push(agent)
    },
  }
  return agent
}

/** All bursts at one moment; how all calls ended. */
export async function burst(agents: Agent[], calls: number, stalls = false): Promise<Record<string, number>> {
  const sum: Record<string, number> = {}
  for (const { outcomes = {} } of await Promise.all(agents.map(({ ask }) => ask({ calls, stalls }))))
    for (const [name, count] of Object.entries(outcomes)) sum[name] = (sum[name] ?? 0) + count
  return sum
}
