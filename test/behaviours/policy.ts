import { createHash } from 'node:crypto'
import { hotdashPolicy, type Policy } from '@hotdash/llm-gateway'

const sha256 = (key: string) => createHash('sha256').update(key).digest('hex')

export const keyOf = (team: string) => `sk-${team}-of-the-tests`
const keys = (team: string) => [sha256(keyOf(team))]

/** HotDash's policy with a key for each team, and teams with little. */
export const policy = {
  ...hotdashPolicy,
  streamUsage: 'always',
  models: {
    ...hotdashPolicy.models,
    'gpt-3.5-turbo-instruct': { input: 1.5, output: 2, maxOutput: 4_096 },
  },
  teams: {
    ...Object.fromEntries(
      Object.entries(hotdashPolicy.teams).map(([name, team]) => [
        name,
        { ...team, rpm: 5_000, tpm: 50_000_000, keys: keys(name) },
      ]),
    ),
    few: { agents: ['few'], rpm: 2, keys: keys('few') },
    told: { agents: ['told'], rpm: 2, keys: keys('told') },
    full: { agents: ['full'], rpm: 2, keys: keys('full') },
    hits: { agents: ['hits'], rpm: 2, keys: keys('hits') },
    short: { agents: ['short'], tpm: 6_000, keys: keys('short') },
    tight: { agents: ['tight'], tpm: 2_000, keys: keys('tight') },
    poor: { agents: ['poor'], usdPerDay: 0.000_001, keys: keys('poor') },
    mini: { agents: ['mini'], models: ['gpt-4o-mini'], keys: keys('mini') },
  },
} satisfies Policy
