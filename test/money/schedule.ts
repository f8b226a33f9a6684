import { setTimeout as sleep } from 'node:timers/promises'
import {
  createGatewayClient,
  type GatewayClient,
  type GatewayOptions,
  type Policy,
} from '@hotdash/llm-gateway'
import type { ClientOptions } from 'openai'
import { randomOf } from '../random.ts'
import { TELLINGS } from './answer.ts'
import { type Ask, randomAsk } from './asks.ts'
import { MODELS } from './prices.ts'
import { type Books, type Fate, type Plan, startBilling } from './upstream.ts'
import type { Random } from './work.ts'

/** The gateway is told prices and limits of models, as an operator would; windows and tiers it must know. */
export const modelsInPolicy = Object.fromEntries(
  Object.entries(MODELS).map(([name, { input, output, audioInput, audioOutput, maxOutput }]) => [
    name,
    {
      input: input / 1_000,
      cachedInput: input / 1_000,
      output: output / 1_000,
      maxOutput,
      ...(audioInput === undefined ? {} : { audioInput: audioInput / 1_000 }),
      ...(audioOutput === undefined ? {} : { audioOutput: audioOutput / 1_000 }),
    },
  ]),
)

const PROBE = 'probe'

export const policyOf = (usdPerDay: number, more: Policy = {}): Policy => ({
  routing: { default: 'gpt-4o-mini', fallback: 'gpt-4o', escalate: { above: 500, to: 'gpt-4o' } },
  // Writes at a billionth of a dollar a token, so that its longest call that is let in tells what is left.
  models: { ...modelsInPolicy, [PROBE]: { input: 0, cachedInput: 0, output: 0.001, maxOutput: 1e12 } },
  teams: { t: { agents: ['a'], usdPerDay } },
  ...more,
})

export function clientFor(
  baseURL: string,
  policy: Policy,
  options: ClientOptions = {},
  more: GatewayOptions = {},
): GatewayClient {
  const gateway = { agent: 'a', policy, cache: false as const, onCall: () => undefined, ...more }
  return createGatewayClient({ baseURL, apiKey: 'k', logLevel: 'off', ...options, gateway })
}

export type Outcome = {
  books: Books
  cap: number
  left: number
  asked: number
  answered: number
  refused: number
}

/** Random calls under a cap, some of which go wrong in every way; what upstream billed for them. */
export async function liveThrough(seed: number, calls: number): Promise<Outcome> {
  const random = randomOf(seed)
  const cap = [0.5, 2, 10, 40][Math.floor(random() * 4)] as number
  const project = random() < 0.5 ? 'priority' : 'default'
  const faulty = random()
  const upstream = await startBilling(project, random, (body) =>
    body.model === PROBE ? PROBED : planFor(random, faulty),
  )
  const more: Policy = {}
  if (random() < 0.3) more.streamUsage = 'always'
  if (random() < 0.3) more.hostedTools = { maxToolCalls: 2, fees: { image_generation: 0.25 } }
  const client = clientFor(upstream.baseURL, policyOf(cap, more), { maxRetries: random() < 0.5 ? 0 : 2 })
  const outcome: Outcome = {
    books: upstream.books,
    cap: cap * 1e9,
    left: 0,
    asked: 0,
    answered: 0,
    refused: 0,
  }
  try {
    await timeOfProbe(client)
    for (let made = 0; made < calls; ) {
      // An upstream that hangs is left; one that answers on a busy machine is not.
      const patienceMs = 100 + 10 * (await timeOfProbe(client))
      const together = 1 + Math.floor(random() * 6)
      const asks = Array.from({ length: together }, (_, at) => randomAsk(random, made + at))
      await Promise.all(asks.map((ask) => make(client, ask, random, outcome, patienceMs)))
      made += together
    }
    await client.gateway.flush()
    outcome.left = await leftIn(client, outcome.cap)
  } finally {
    await client.gateway.close()
    await upstream.close()
  }
  return outcome
}

const PROBED: Plan = { fate: { type: 'refused', status: 400 }, telling: 'none', zeal: 'some' }

/** What the budget still lets through, in billionths of a dollar: asked for by ever other lengths, which upstream refuses. */
export async function leftIn(client: GatewayClient, cap: number): Promise<number> {
  let [most, least] = [cap + 1, 0]
  while (most - least > 1) {
    const max_tokens = Math.floor((most + least) / 2)
    const ask = client.chat.completions.create({ model: PROBE, messages: [], max_tokens })
    const code = await ask.then(
      () => undefined,
      (error: { code?: unknown }) => error.code,
    )
    if (code === 'gateway_daily_usd_exceeded') most = max_tokens
    else least = max_tokens
  }
  return least
}

function planFor(random: Random, faulty: number): Plan {
  const zeal = random() < 0.5 ? 'most' : 'some'
  const telling = random() < faulty ? (TELLINGS[Math.floor(random() * TELLINGS.length)] ?? 'none') : 'true'
  return { fate: random() < faulty ? fateFor(random) : { type: 'whole' }, telling, zeal }
}

function fateFor(random: Random): Fate {
  const luck = random()
  if (luck < 0.3) return { type: 'cut', at: random() }
  if (luck < 0.45) return { type: 'end', at: random() }
  if (luck < 0.6) return { type: 'hang', at: random() }
  if (luck < 0.7) return { type: 'reset' }
  if (luck < 0.85)
    return { type: 'lost', status: [408, 502, 504, 524, 500, 503][Math.floor(random() * 6)] ?? 502 }
  return { type: 'refused', status: [400, 401, 429, 500, 503][Math.floor(random() * 5)] ?? 500 }
}

/** Returns the time of a call that upstream refuses, in milliseconds. */
async function timeOfProbe(client: GatewayClient): Promise<number> {
  const from = performance.now()
  await client.chat.completions.create({ model: PROBE, messages: [], max_tokens: 1 }).catch(() => undefined)
  return performance.now() - from
}

/** One call, whose caller may leave at any moment, and leaves after `patienceMs` at the latest. */
async function make(
  client: GatewayClient,
  { path, body }: Ask,
  random: Random,
  outcome: Outcome,
  patienceMs: number,
) {
  outcome.asked += 1
  const leaves = random()
  const controller = new AbortController()
  const patience = leaves < 0.2 ? random() * 30 : patienceMs
  const timer = setTimeout(() => controller.abort(), patience)
  const left = leaves > 0.8 ? Math.floor(random() * 10) : Number.POSITIVE_INFINITY
  try {
    const options = { signal: controller.signal, timeout: 5_000 }
    const address = path === 'chat' ? '/chat/completions' : `/${path}`
    const answer = await client.post(address, { body, stream: body.stream === true, ...options })
    let seen = 0
    if (body.stream === true)
      for await (const _ of answer as AsyncIterable<unknown>) {
        seen += 1
        if (seen > left) break
      }
    outcome.answered += 1
  } catch (error) {
    const { code } = error as { code?: unknown }
    if (typeof code === 'string' && code.startsWith('gateway_')) outcome.refused += 1
  } finally {
    clearTimeout(timer)
    await sleep(0)
  }
}
