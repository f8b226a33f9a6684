import type { GatewayClient } from '@hotdash/llm-gateway'
import { expect, test } from 'vitest'
import { randomOf } from '../random.ts'
import { runs, SEED, sampled } from '../runs.ts'
import type { Ask } from './asks.ts'
import { clientFor, liveThrough, type Outcome, policyOf } from './schedule.ts'
import { type Plan, startBilling } from './upstream.ts'
import type { Random } from './work.ts'

const SCHEDULES = runs(12)
/** Most of a schedule is waiting. */
const AT_ONCE = 12

test(`upstream never bills more than the cap, by its own books: ${SCHEDULES} schedules`, {
  timeout: 20_000 + SCHEDULES * 10_000,
}, async () => {
  const sums = { asked: 0, answered: 0, refused: 0, billed: 0 }
  for (let from = SEED; from < SEED + SCHEDULES; from += AT_ONCE) {
    const seeds = Array.from({ length: Math.min(AT_ONCE, SEED + SCHEDULES - from) }, (_, at) => from + at)
    const outcomes = await Promise.all(seeds.map((seed) => liveThrough(seed, 40)))
    for (const [at, outcome] of outcomes.entries()) {
      // Stronger than the cap: what upstream billed and what may still be spent are no more than it, however far it is.
      expect(outcome.books.billed + outcome.left, explain(from + at, outcome)).toBeLessThanOrEqual(
        outcome.cap,
      )
      sums.asked += outcome.asked
      sums.answered += outcome.answered
      sums.refused += outcome.refused
      sums.billed += outcome.books.entries.length
    }
  }
  // Schedules in which nothing is let through, or nothing is refused, show nothing.
  expect(sums.billed).toBeGreaterThan(sums.asked / 10)
  expect(sums.answered).toBeGreaterThan(0)
  expect(sums.refused).toBeGreaterThan(0)
})

/** Renders the most expensive entries of the books, for the message of a failed assertion. */
function explain(seed: number, { books }: Outcome): string {
  const dearest = books.entries.toSorted((one, other) => other.bill - one.bill).slice(0, 5)
  return `seed ${seed}: ${JSON.stringify(dearest).slice(0, 4_000)}`
}

/** Calls whose worst case is a hundredth of the cap, or less. */
function smallAsk(random: Random, number: number): Ask {
  const words = `<${number}> ${'what is it worth '.repeat(Math.floor(random() * 20))}`
  const stream = random() < 0.5 ? { stream: true, stream_options: { include_usage: true } } : {}
  const model = ['gpt-4o', 'o4-mini', 'gpt-4o-mini', 'auto'][Math.floor(random() * 4)]
  const max = 50 + Math.floor(random() * 500)
  return random() < 0.5
    ? {
        path: 'chat',
        body: { model, messages: [{ role: 'user', content: words }], max_completion_tokens: max, ...stream },
      }
    : { path: 'responses', body: { model, input: words, max_output_tokens: max, stream: random() < 0.5 } }
}

test.each(sampled([1, 2, 3]))(
  'where nothing fails, nineteen twentieths of the cap are used, or more (seed %i)',
  async (seed) => {
    const random = randomOf(seed)
    const project = seed === 3 ? 'priority' : 'default'
    const whole: Plan = { fate: { type: 'whole' }, telling: 'true', zeal: 'some' }
    const upstream = await startBilling(project, random, () => whole)
    const client = clientFor(upstream.baseURL, policyOf(1), { maxRetries: 0 })
    try {
      let refused = 0
      for (let number = 0; refused < 4; number += 4) {
        const asks = Array.from({ length: 4 }, (_, at) => smallAsk(random, number + at))
        const codes = await Promise.all(asks.map((ask) => send(client, ask)))
        refused += codes.filter((code) => code === 'gateway_daily_usd_exceeded').length
        expect(number).toBeLessThan(10_000)
      }
      expect(upstream.books.billed).toBeLessThanOrEqual(1e9)
      expect(upstream.books.billed).toBeGreaterThanOrEqual(0.95e9)
    } finally {
      await client.gateway.close()
      await upstream.close()
    }
  },
)

async function send(client: GatewayClient, { path, body }: Ask): Promise<unknown> {
  try {
    const address = path === 'chat' ? '/chat/completions' : `/${path}`
    const answer = await client.post(address, { body, stream: body.stream === true })
    if (body.stream === true) for await (const _ of answer as AsyncIterable<unknown>);
    return undefined
  } catch (error) {
    return (error as { code?: unknown }).code
  }
}
