import { LRUCache } from 'lru-cache'
import { nanoUsd } from '../core/money.ts'
import type { CallRecord, SemanticResult } from '../core/record.ts'
import type { PathEstimate } from './decision/agent-calibration.ts'
import { type AutoStats, autoStatsOf, type KnownState } from './decision/auto/auto-stats.ts'
import type { SemanticAdmin, SemanticEntry } from './store/port.ts'

/** Semantic cache counters of one agent. Amounts in US dollars. */
export type SemanticStats = {
  /** Questions looked up. */
  asked: number
  outcomes: Record<SemanticResult['outcome'], number>
  /** Lookups that were near enough but vetoed, by guard. */
  vetoes: Record<string, number>
  /** Calls that were not looked up, by reason. */
  ineligible: Record<string, number>
  /** Share of `asked` that was served, or would have been in mode `on`. */
  hitRate: number
  /** Current cosine threshold of the path `nearest`. */
  threshold: number
  /** Judgements at or above it, their error rate, and its upper bound with 95 % confidence. */
  labels: number
  error: number
  errorUpper: number
  /** The same for the path `consensus`, by confidence. `confidence` is absent while that path is off. */
  consensus: { confidence?: number; hits: number; labels: number; error: number; errorUpper: number }
  embeddingUsd: number
  judgeUsd: number
  savedUsd: number
  /** Dollars saved per dollar spent on vectors and judgements. Absent if nothing was spent. */
  roi?: number
  /** Why the agent serves or not. Absent in other modes than `auto`. */
  auto?: AutoStats
}

type Counts = Pick<SemanticStats, 'asked' | 'outcomes' | 'vetoes' | 'ineligible'> & {
  consensusHits: number
  embedding: number
  judging: number
  saved: number
}

/** Agents with counters (LRU): callers can invent agent names. */
const MAX_AGENTS = 1_000
/** Entries with a hit count (LRU). */
const MAX_SERVED = 10_000

/** Creates counters that add up call records. Amounts in integer billionths of a dollar. */
export function createSemanticCounters() {
  const agents = new LRUCache<string, Counts>({ max: MAX_AGENTS })
  /** Hits of each entry, for those that answered most recently (LRU). Made by the first hit. */
  let hits: LRUCache<string, number> | undefined

  function countHit(key: string) {
    hits ??= new LRUCache({ max: MAX_SERVED })
    hits.set(key, (hits.get(key) ?? 0) + 1)
  }

  function countsOf(agent: string): Counts {
    const known = agents.get(agent)
    if (known !== undefined) return known
    const outcomes = {
      hit: 0,
      'shadow-hit': 0,
      veto: 0,
      'below-threshold': 0,
      'no-candidate': 0,
      ineligible: 0,
      unavailable: 0,
      explored: 0,
      uncalibrated: 0,
    }
    const counts = {
      asked: 0,
      outcomes,
      vetoes: {},
      ineligible: {},
      consensusHits: 0,
      embedding: 0,
      judging: 0,
      saved: 0,
    }
    agents.set(agent, counts)
    return counts
  }

  return {
    agents,
    /** Adds hit counts to what an administrator lists. */
    counted(admin: SemanticAdmin): SemanticAdmin {
      const counted = (entry: SemanticEntry) => ({ ...entry, hits: hits?.peek(entry.key) ?? 0 })
      return {
        ...admin,
        list: async (what, limit) => (await admin.list(what, limit)).map(counted),
        async inspect(key) {
          const entry = await admin.inspect(key)
          return entry && counted(entry)
        },
      }
    },
    count(record: CallRecord) {
      if (record.purpose === 'semantic') {
        const counts = countsOf(record.agent)
        if (record.operation === 'embeddings') counts.embedding += nanoUsd(record.costUsd ?? 0)
        else counts.judging += nanoUsd(record.costUsd ?? 0)
      }
      if (record.semantic === undefined) return
      const counts = countsOf(record.agent)
      const { outcome, path, reason = 'unknown', entry } = record.semantic
      counts.outcomes[outcome] += 1
      if (outcome === 'ineligible') counts.ineligible[reason] = (counts.ineligible[reason] ?? 0) + 1
      else counts.asked += 1
      if (outcome === 'veto') counts.vetoes[reason] = (counts.vetoes[reason] ?? 0) + 1
      if (path === 'consensus' && (outcome === 'hit' || outcome === 'shadow-hit')) counts.consensusHits += 1
      if (outcome === 'hit') {
        counts.saved += nanoUsd(record.savedUsd ?? 0)
        if (entry !== undefined) countHit(entry)
      }
      if (outcome === 'shadow-hit') counts.saved += nanoUsd(record.costUsd ?? 0)
    },
  }
}

type Known = {
  nearest: PathEstimate
  consensus: PathEstimate
  auto: KnownState | undefined
}

export function semanticStatsOf(counts: Counts, { nearest, consensus, auto }: Known): SemanticStats {
  const { asked, outcomes, vetoes, ineligible, embedding, judging, saved } = counts
  const spent = embedding + judging
  return {
    asked,
    outcomes: { ...outcomes },
    vetoes: { ...vetoes },
    ineligible: { ...ineligible },
    hitRate: asked === 0 ? 0 : (outcomes.hit + outcomes['shadow-hit']) / asked,
    threshold: nearest.threshold,
    ...errorOf(nearest),
    consensus: {
      ...(consensus.threshold <= 1 && { confidence: consensus.threshold }),
      hits: counts.consensusHits,
      ...errorOf(consensus),
    },
    embeddingUsd: embedding / 1e9,
    judgeUsd: judging / 1e9,
    savedUsd: saved / 1e9,
    ...(spent === 0 ? {} : { roi: saved / spent }),
    ...(auto && { auto: autoStatsOf(auto) }),
  }
}

const errorOf = ({ labels, rate, upper }: PathEstimate) => ({ labels, error: rate, errorUpper: upper })
