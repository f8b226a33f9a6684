import { LRUCache } from 'lru-cache'
import { nanoUsd } from '../core/money.ts'
import type { CallRecord, SemanticResult } from '../core/record.ts'
import type { PathEstimate } from './decision/agent-calibration.ts'
import type { SemanticAdmin, SemanticEntry } from './store/port.ts'

/** How the semantic cache serves one agent. Dollars are US dollars. */
export type SemanticStats = {
  /** Questions that were looked for by meaning. */
  asked: number
  outcomes: Record<SemanticResult['outcome'], number>
  /** Of questions that were near enough, why they were not answered; by guard. */
  vetoes: Record<string, number>
  /** Why calls were not asked by meaning. */
  ineligible: Record<string, number>
  /** Of `asked`, the part that was answered, or would have been. */
  hitRate: number
  /** From which cosine an answer that nobody supports is served now. */
  threshold: number
  /** Judgements of what was as near as that; of those, the part that was wrong, and the part that may be, with 95 % confidence. */
  labels: number
  error: number
  errorUpper: number
  /** The same of answers on which several agree, from a confidence on; that is absent while they are not believed. */
  consensus: { confidence?: number; hits: number; labels: number; error: number; errorUpper: number }
  embeddingUsd: number
  judgeUsd: number
  savedUsd: number
  /** Dollars saved for each spent on vectors and judgements; absent while nothing was spent. */
  roi?: number
}

type Counts = Pick<SemanticStats, 'asked' | 'outcomes' | 'vetoes' | 'ineligible'> & {
  consensusHits: number
  embedding: number
  judging: number
  saved: number
}

/** Agents whose figures are kept: whoever calls may name itself anything. */
const MAX_AGENTS = 1_000
/** Entries whose hits are remembered. */
const MAX_SERVED = 10_000

/** Adds up records. Dollars in whole billionths. */
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
    /** What an admin sees, with how often it has answered. */
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

export function semanticStatsOf(
  counts: Counts,
  { nearest, consensus }: { nearest: PathEstimate; consensus: PathEstimate },
): SemanticStats {
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
  }
}

const errorOf = ({ labels, rate, upper }: PathEstimate) => ({ labels, error: rate, errorUpper: upper })
