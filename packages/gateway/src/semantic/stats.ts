import { LRUCache } from 'lru-cache'
import { nanoUsd } from '../core/money.ts'
import type { CallRecord, SemanticResult } from '../core/record.ts'
import type { Known } from './decision/agent-calibration.ts'
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
  agreement: { confidence?: number; hits: number; labels: number; error: number; errorUpper: number }
  embeddingUsd: number
  judgeUsd: number
  savedUsd: number
  /** Dollars saved for each spent on vectors and judgements; absent while nothing was spent. */
  roi?: number
}

type Counts = Pick<SemanticStats, 'asked' | 'outcomes' | 'vetoes' | 'ineligible'> & {
  agreed: number
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
  /** How often each entry has answered, of those that did so last. */
  const served = new Map<string, number>()

  function serves(key: string) {
    const before = served.get(key) ?? 0
    served.delete(key)
    served.set(key, before + 1)
    const [oldest] = served.size > MAX_SERVED ? served.keys() : []
    if (oldest !== undefined) served.delete(oldest)
  }

  function countsOf(agent: string): Counts {
    const known = agents.get(agent)
    if (known !== undefined) return known
    const outcomes = {
      hit: 0,
      'would-hit': 0,
      veto: 0,
      below: 0,
      nothing: 0,
      ineligible: 0,
      unavailable: 0,
      explored: 0,
      unproven: 0,
    }
    const counts = {
      asked: 0,
      outcomes,
      vetoes: {},
      ineligible: {},
      agreed: 0,
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
      const counted = (entry: SemanticEntry) => ({ ...entry, hits: served.get(entry.key) ?? 0 })
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
      if (path === 'agreement' && (outcome === 'hit' || outcome === 'would-hit')) counts.agreed += 1
      if (outcome === 'hit') {
        counts.saved += nanoUsd(record.savedUsd ?? 0)
        if (entry !== undefined) serves(entry)
      }
      if (outcome === 'would-hit') counts.saved += nanoUsd(record.costUsd ?? 0)
    },
  }
}

export function semanticStatsOf(
  counts: Counts,
  { alone, agreed }: { alone: Known; agreed: Known },
): SemanticStats {
  const { asked, outcomes, vetoes, ineligible, embedding, judging, saved } = counts
  const spent = embedding + judging
  return {
    asked,
    outcomes: { ...outcomes },
    vetoes: { ...vetoes },
    ineligible: { ...ineligible },
    hitRate: asked === 0 ? 0 : (outcomes.hit + outcomes['would-hit']) / asked,
    threshold: alone.threshold,
    ...errorOf(alone),
    agreement: {
      ...(agreed.threshold <= 1 && { confidence: agreed.threshold }),
      hits: counts.agreed,
      ...errorOf(agreed),
    },
    embeddingUsd: embedding / 1e9,
    judgeUsd: judging / 1e9,
    savedUsd: saved / 1e9,
    ...(spent === 0 ? {} : { roi: saved / spent }),
  }
}

const errorOf = ({ labels, rate, upper }: Known) => ({ labels, error: rate, errorUpper: upper })
