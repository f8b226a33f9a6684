import type { PastCall } from '@hotdash/llm-gateway/simulation'
import { questionsOf } from './questions.ts'
import { operationOf, type Row } from './row.ts'

/** Reasons of a bypass that are not the call's own: under another policy, its answer may come from a cache. */
const MAY_BE_CACHED = new Set<string | undefined>([undefined, 'off', 'revalidation', 'refused-by-upstream'])
const HAD_ANSWER = new Set<string | undefined>(['exact', 'semantic', 'flight', 'stale'])

/** A row, and the call that it stands for; no call for a path that the gateway only passes on. */
export type Past = { row: Row; call: PastCall | undefined }

/** Returns the calls of rows that are sorted by time. */
export function pastOf(rows: readonly Row[]): Past[] {
  const questions = questionsOf(rows)
  return rows.map((row, at) => ({ row, call: callOf(row, questions[at]) }))
}

function callOf(row: Row, question: string | undefined): PastCall | undefined {
  const operation = operationOf(row)
  if (operation === undefined) return undefined
  const { at, agent, team, cache, status = 'ok' } = row
  const unbilled = isUnbilled(row)
  // The gateway records no tokens, or none used, where upstream failed: what it asked for is not known.
  const answered = row.input_tokens !== undefined && !(unbilled && tokensOf(row) === 0)
  return {
    at,
    agent,
    team,
    operation,
    ...(row.model_asked !== undefined && { modelAsked: row.model_asked }),
    ...(question !== undefined && { question }),
    ...(answered && {
      usage: {
        input: row.input_tokens ?? 0,
        cachedInput: row.cached_input_tokens ?? 0,
        audioInput: 0,
        output: row.output_tokens ?? 0,
        reasoning: 0,
        audioOutput: 0,
      },
    }),
    ...(row.route === 'escalated' && { wasEscalated: true }),
    ...(row.max_output_tokens !== undefined && { maxOutputTokens: row.max_output_tokens }),
    ...((answered || unbilled) &&
      !HAD_ANSWER.has(cache) &&
      row.latency_ms !== undefined && { upstreamMs: Math.max(0, row.latency_ms - (row.waited_ms ?? 0)) }),
    cacheable: MAY_BE_CACHED.has(row.bypass),
    semanticHit: cache === 'semantic',
    failed: status === 'failed' || status === 'aborted',
    unbilled,
  }
}

const tokensOf = ({ input_tokens = 0, output_tokens = 0 }: Row) => input_tokens + output_tokens

/** Whether a call failed and cost nothing; without a cost, one that failed without tokens. */
function isUnbilled(row: Row): boolean {
  const { status, cost_usd, saved_usd = 0 } = row
  const isFree = cost_usd === 0 && saved_usd === 0
  if (status === 'failed') return isFree || (cost_usd === undefined && tokensOf(row) === 0)
  return status === 'aborted' && isFree && tokensOf(row) === 0
}
