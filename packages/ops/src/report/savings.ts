import type { Policy } from '@hotdash/llm-gateway'
import type { ModelSums } from './span.ts'
import { sumHits, type Totals, usd } from './totals.ts'

/** US dollars that were not spent, by cause. */
export type Savings = {
  exactUsd: number
  semanticUsd: number
  /** Calls that shared the answer of an equal call in flight. */
  coalescingUsd: number
  /** Expired answers served while upstream was down. */
  staleUsd: number
  /** An estimate. Absent: the policy does not say what calls would have cost without routing. */
  routing?: RoutingSavings
  totalUsd: number
  /** What the calls would have cost without the gateway: cost and savings. */
  withoutUsd: number
}

export type RoutingSavings = {
  usd: number
  /** Model that would have answered without routing. */
  baseline: string
}

const ROUTED = ['default', 'escalated']

/** Sums what caches, coalescing and routing have saved. */
export function savingsOf(totals: Totals, models: ModelSums[], policy: Policy, baseline?: string): Savings {
  const { savedUsd, costUsd } = totals
  const routing = routingSavings(models, policy, baseline)
  const totalUsd = sumHits(savedUsd) + (routing?.usd ?? 0)
  return {
    exactUsd: savedUsd.exact,
    semanticUsd: savedUsd.semantic,
    coalescingUsd: savedUsd.flight,
    staleUsd: savedUsd.stale,
    ...(routing !== undefined && { routing }),
    totalUsd,
    withoutUsd: costUsd + totalUsd,
  }
}

/**
 * Compares the cost of the calls whose model the gateway selected with the price of the same tokens at one model. Embeddings
 * and calls that named their model are left out; so are calls of unknown cost.
 */
function routingSavings(
  models: ModelSums[],
  { routing, models: prices = {} }: Policy,
  configured?: string,
): RoutingSavings | undefined {
  const escalate = routing?.escalate
  const baseline = configured ?? (escalate ? escalate.to : undefined)
  const rates = baseline === undefined ? undefined : prices[baseline]
  if (baseline === undefined || rates?.input === undefined || rates.output === undefined) return undefined
  const { input, output, cachedInput = input } = rates
  const routed = models.filter(({ route, operation }) => ROUTED.includes(route) && operation !== 'embeddings')
  // Dollars per million tokens are 1,000 billionths per token.
  const saved = routed.map(
    (row) =>
      1_000 *
        ((row.priced_input - row.priced_cached_input) * input +
          row.priced_cached_input * cachedInput +
          row.priced_output * output) -
      row.priced_cost,
  )
  return { usd: usd(saved.reduce((sum, part) => sum + part, 0)), baseline }
}
