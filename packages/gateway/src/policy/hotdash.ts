import type { Policy } from '../core/policy.ts'

/** The built-in policy: HotDash's nine production agents in their four teams. */
export const hotdash = {
  version: 1,
  timezone: 'UTC',
  routing: {
    default: 'gpt-4o-mini',
    embeddings: 'text-embedding-3-large',
    escalate: { above: 2_000, to: 'gpt-4o' },
    fallback: 'gpt-4o',
  },
  models: {
    'gpt-4o-mini': { input: 0.15, cachedInput: 0.075, output: 0.6, maxOutput: 16_384 },
    'gpt-4o': { input: 2.5, cachedInput: 1.25, output: 10, maxOutput: 16_384 },
    'text-embedding-3-large': { input: 0.13, cachedInput: 0.13, output: 0, maxOutput: 0 },
  },
  cache: { exact: { ttlSeconds: 86_400 } },
  // Each allowance reserves two hundredths of the budget for agents that start while Redis is unavailable.
  teams: {
    prod_customer: {
      agents: ['ai-customer', 'support'],
      rpm: 100,
      tpm: 200_000,
      usdPerDay: 50,
      onRedisUnavailable: { allowanceUsd: 1 },
    },
    prod_ceo: {
      agents: ['ceo-insights', 'ai-knowledge'],
      rpm: 60,
      tpm: 120_000,
      usdPerDay: 25,
      onRedisUnavailable: { allowanceUsd: 0.5 },
    },
    prod_background: {
      agents: ['analytics', 'inventory', 'seo', 'ads', 'content'],
      rpm: 30,
      tpm: 60_000,
      usdPerDay: 10,
      onRedisUnavailable: { allowanceUsd: 0.2 },
    },
    admin: {
      agents: ['testing', 'emergency'],
      rpm: 200,
      tpm: 500_000,
      usdPerDay: 100,
      onRedisUnavailable: { allowanceUsd: 2 },
    },
  },
  // Agents that serve waiting customers go first, nightly work last.
  agents: {
    'ai-customer': { priority: 0 },
    // Its customers ask the same questions in many wordings; all other agents want fresh figures or variety. Until
    // semantic hits are proven safe across customers, the semantic cache only records what it would have served.
    support: { priority: 1, cache: { semantic: { mode: 'shadow', shareBetweenUsers: true } } },
    'ceo-insights': { priority: 3 },
    'ai-knowledge': { priority: 4 },
    analytics: { priority: 6 },
    inventory: { priority: 6 },
    seo: { priority: 6 },
    ads: { priority: 6 },
    content: { priority: 8 },
  },
} satisfies Policy
