import type { GatewayClient, Policy } from '@hotdash/llm-gateway'
import type { FakeOpenAI } from '@hotdash/llm-gateway-testing'
import { inputSize } from '#src/tokens/count.ts'
import { loadTokenizer } from '../../packages/testing/src/core/tokens.ts'
import { price } from './prices.ts'

/** Tokens as OpenAI counts them, by the fake's own tokeniser and not by the gateway's code. */
export const { count } = await loadTokenizer('exact')

/** Of one question in one message: 3 and its role for the message, 3 for the reply. */
export const inputOf = (content: string) => 3 + count('user') + count(content) + 3

export const nano = (usd: number | undefined) => Math.round((usd ?? Number.NaN) * 1e9)

/** What each team may spend: far more than any test does. */
export const BUDGET = 50_000_000_000
/** A team whose calls have no price has no budget: with a budget its calls would be refused. */
export const UNLIMITED = { name: 'unlimited', agent: 'fay' }
export const TEAMS = { one: ['ann', 'bob'], two: ['cat', 'dan'], three: ['eve'] } as const
export type Team = keyof typeof TEAMS

const SOUNDING = 'sounding'

export const policy: Policy = {
  routing: { default: 'gpt-4o-mini', fallback: 'gpt-4o', escalate: false },
  models: {
    'gpt-4o-mini': { input: 0.15, cachedInput: 0.075, output: 0.6, maxOutput: 16_384 },
    // A token of it costs a billionth, and its largest answer is far beyond the budget: asking for less and less finds
    // what is left.
    [SOUNDING]: { input: 0, cachedInput: 0, output: 0.001, maxOutput: 100_000_000_000 },
    'gpt-4o': { input: 2.5, cachedInput: 1.25, output: 10, maxOutput: 16_384 },
    'o4-mini': { maxOutput: 100_000 },
    'gpt-5-nano': { maxOutput: 128_000 },
    'gpt-5.6': { maxOutput: 128_000 },
    'gpt-audio': { maxOutput: 16_384 },
    'gpt-3.5-turbo-instruct': { maxOutput: 4_096 },
    'text-embedding-3-large': { input: 0.13, cachedInput: 0.13, output: 0, maxOutput: 0 },
  },
  // So that worst cases are those of the standard tier.
  defaultServiceTier: 'default',
  teams: {
    [UNLIMITED.name]: { agents: [UNLIMITED.agent] },
    ...Object.fromEntries(
      Object.entries(TEAMS).map(([team, agents]) => [team, { agents: [...agents], usdPerDay: BUDGET / 1e9 }]),
    ),
  },
}

const PROBE = 'How much is left?'
const isProbe = ({ text }: { text: string }) => text.includes(PROBE)

/** Returns the highest possible cost of a call of at most `max_tokens` tokens, by default from gpt-4o-mini. */
export function worstOf(
  body: { messages: { role: 'user'; content: string }[]; max_tokens: number; stream?: boolean },
  model = 'gpt-4o-mini',
): number {
  const { bound } = inputSize('chat', body, JSON.stringify(body))
  return price(model, { input: bound, output: body.max_tokens })
}

/**
 * What the team's budget no longer holds, in billionths: spent, held and in doubt. Asked of the quota from outside, by
 * calls for ever other lengths, which upstream refuses and which cost nothing: one token costs a billionth, so that the
 * longest answer that is let through tells to the billionth what is left.
 */
export async function committed(client: GatewayClient, upstream: FakeOpenAI, team: Team): Promise<number> {
  upstream.fail({ type: 'status', status: 400 }, { times: Number.POSITIVE_INFINITY, when: isProbe })
  const bodyOf = (max_tokens: number) => ({
    model: SOUNDING,
    messages: [{ role: 'user' as const, content: PROBE }],
    max_tokens,
  })
  let [most, least] = [BUDGET * 2, 0]
  while (most - least > 1) {
    const middle = Math.floor((most + least) / 2)
    const error = await client.chat.completions
      .create(bodyOf(middle), { headers: { 'x-gateway-agent': TEAMS[team][0] } })
      .then(() => undefined)
      .catch((error: { code?: string | null }) => error)
    if (error?.code === 'gateway_daily_usd_exceeded') most = middle
    else least = middle
  }
  return BUDGET - least
}
