import type { Caller } from '../core/caller.ts'
import { isPaid } from '../core/endpoints.ts'
import type { CallRecord } from '../core/record.ts'
import { nameOf, pathOf } from './recorder.ts'

/** A request that went straight through: known by its path, its time and its outcome, and by nothing inside it. */
export type PassThroughCall = {
  id: string
  caller: Caller
  method: string
  url: string
  /** When it was made, by the wall clock. */
  at: number
  /** The same by `performance.now()`. */
  startedAt: number
} & (
  | {
      status: number
      /** The status is ours, not upstream's, and this is why. */
      refusal?: string
    }
  | { error: unknown; aborted: boolean }
)

/** What a paid endpoint cost is unknown; the others cost nothing. */
export function passThroughRecord(passed: PassThroughCall): CallRecord {
  const { id, at, caller, method, url, startedAt } = passed
  const refusal = 'refusal' in passed ? passed.refusal : undefined
  const latencyMs = performance.now() - startedAt
  const status = 'status' in passed ? passed.status : undefined
  const record: CallRecord = {
    id,
    startedAt: at,
    agent: caller.agent,
    team: caller.team,
    tags: [],
    operation: 'other',
    path: pathOf(url),
    stream: false,
    model: '',
    route: 'requested',
    cache: 'bypass',
    bypass: 'ungoverned',
    estimated: false,
    latencyMs,
    attempts: refusal === undefined ? [{ model: '', status, latencyMs }] : [],
    status: statusOf(passed),
  }
  if (caller.mode !== 'embedded') record.mode = caller.mode
  if (refusal !== undefined || !isPaid(method, url)) record.costUsd = 0
  if (status !== undefined) record.httpStatus = status
  if (refusal !== undefined) record.error = refusal
  else if ('error' in passed) record.error = nameOf(passed.error)
  else if (passed.status >= 400) record.error = `http_${passed.status}`
  return record
}

function statusOf(passed: PassThroughCall): CallRecord['status'] {
  if ('error' in passed) return passed.aborted ? 'aborted' : 'failed'
  if (passed.refusal !== undefined) return 'refused'
  return passed.status < 400 ? 'ok' : 'failed'
}
