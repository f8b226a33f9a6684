import { hotdashPolicy } from '@hotdash/llm-gateway/policy'
import type { Row } from './row.ts'

type Agent = {
  agent: string
  /** Share of all calls. */
  share: number
  /** Different questions it is asked, and how unevenly: 0 evenly, 1 as words of a language. */
  questions: number
  skew: number
  /** Median tokens of a call. */
  input: number
  output: number
  /** Hours of the day (UTC) in which it works; the rest of the day a tenth. */
  from: number
  to: number
  operation?: 'chat' | 'embeddings'
}

/** HotDash's agents, as they may be used in production: customers by day, reports by night. */
const AGENTS: readonly Agent[] = [
  {
    agent: 'ai-customer',
    share: 0.34,
    questions: 6_000,
    skew: 0.9,
    input: 420,
    output: 160,
    from: 14,
    to: 24,
  },
  {
    agent: 'support',
    share: 0.22,
    questions: 2_500,
    skew: 1,
    input: 650,
    output: 220,
    from: 13,
    to: 24,
  },
  {
    agent: 'ceo-insights',
    share: 0.03,
    questions: 400,
    skew: 0.6,
    input: 2_600,
    output: 700,
    from: 13,
    to: 22,
  },
  {
    agent: 'ai-knowledge',
    share: 0.13,
    questions: 5_000,
    skew: 0.9,
    input: 180,
    output: 0,
    from: 13,
    to: 24,
    operation: 'embeddings',
  },
  {
    agent: 'analytics',
    share: 0.08,
    questions: 900,
    skew: 0.4,
    input: 1_700,
    output: 380,
    from: 5,
    to: 9,
  },
  {
    agent: 'inventory',
    share: 0.08,
    questions: 1_200,
    skew: 0.5,
    input: 900,
    output: 150,
    from: 6,
    to: 10,
  },
  {
    agent: 'seo',
    share: 0.05,
    questions: 4_000,
    skew: 0.2,
    input: 800,
    output: 500,
    from: 4,
    to: 8,
  },
  {
    agent: 'ads',
    share: 0.04,
    questions: 2_000,
    skew: 0.2,
    input: 700,
    output: 300,
    from: 4,
    to: 8,
  },
  {
    agent: 'content',
    share: 0.03,
    questions: 20_000,
    skew: 0,
    input: 1_100,
    output: 900,
    from: 3,
    to: 7,
  },
]

const DAY_MS = 86_400_000
/** Share of a working day's calls that a day of the weekend has. */
const WEEKEND = 0.45
/** Share of an hour's calls outside the hours of an agent. */
const IDLE = 0.1

/** Returns calls of HotDash's agents, the same ones for the same seed. They have no cost: nothing was called. */
export function syntheticRows({
  calls,
  days,
  seed,
  from = Date.UTC(2026, 10, 1),
}: {
  calls: number
  days: number
  seed: number
  from?: number
}): Row[] {
  const random = createRandom(seed)
  const teams = new Map(
    Object.entries(hotdashPolicy.teams).flatMap(([team, { agents }]) => agents.map((agent) => [agent, team])),
  )
  const weights = Array.from({ length: days }, (_, day) => {
    const weekday = new Date(from + day * DAY_MS).getUTCDay()
    return weekday === 0 || weekday === 6 ? WEEKEND : 1
  })
  const questions = new Map(AGENTS.map((each) => [each.agent, cumulated(each)]))
  const shares = cumulate(AGENTS.map(({ share }) => share))
  const dayShares = cumulate(weights)
  const hourShares = new Map(AGENTS.map((each) => [each.agent, cumulate(hoursOf(each))]))
  return Array.from({ length: calls }, () => {
    const agent = AGENTS[pick(shares, random())] as Agent
    const day = pick(dayShares, random())
    const hour = pick(hourShares.get(agent.agent) ?? [], random())
    const question = pick(questions.get(agent.agent) ?? [], random())
    // The size of a question and of its answer depends on the question alone.
    const own = createRandom(seed * 1_000_003 + question * 8_191 + agent.input)
    return {
      at: from + day * DAY_MS + hour * 3_600_000 + Math.floor(random() * 3_600_000),
      agent: agent.agent,
      team: teams.get(agent.agent) ?? 'default',
      operation: agent.operation ?? 'chat',
      question: `${agent.agent} ${question}`,
      input_tokens: Math.max(1, Math.round(agent.input * spread(own))),
      output_tokens: agent.output === 0 ? 0 : Math.max(1, Math.round(agent.output * spread(own))),
      latency_ms: Math.round(300 + agent.output * 12 * spread(random)),
    } satisfies Partial<Row> as Row
  }).sort((a, b) => a.at - b.at)
}

const hoursOf = ({ from, to }: Agent) =>
  Array.from({ length: 24 }, (_, hour) => (hour >= from && hour < to ? 1 : IDLE))

/** Popularity of questions: Zipf's law with exponent `skew`. */
const cumulated = ({ questions, skew }: Agent) =>
  cumulate(Array.from({ length: questions }, (_, rank) => 1 / (rank + 1) ** skew))

function cumulate(weights: readonly number[]): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  let sum = 0
  return weights.map((weight) => {
    sum += weight
    return sum / total
  })
}

/** Returns the first place whose cumulated share exceeds `at`. */
function pick(shares: readonly number[], at: number): number {
  let [low, high] = [0, shares.length - 1]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((shares[middle] ?? 1) > at) high = middle
    else low = middle + 1
  }
  return low
}

/** A factor with median 1: log-normal, half of all between 0.7 and 1.4. */
const spread = (random: () => number) => {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  return Math.exp(0.5 * normal)
}

/** Mulberry32: the same numbers for the same seed, from 0 to 1. */
function createRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
