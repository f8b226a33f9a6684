import type { Caller } from '../core/caller.ts'
import type { CallRecord } from '../core/record.ts'
import { isPaid } from '../operations/endpoints.ts'
import { nameOf, pathOf } from './recorder.ts'

/** A request that passed through: its path, time and outcome. Its body is never read. */
export type PassThroughCall = {
  id: string
  caller: Caller
  method: string
  url: string
  /** Start by the wall clock, in milliseconds since the epoch. */
  at: number
  /** Start by `performance.now()`. */
  startedAt: number
} & (
  | {
      status: number
      /** Set when the gateway refused the request: the refusal's code. `status` is then the gateway's. */
      refusal?: string
    }
  | { error: unknown; aborted: boolean }
)

/** Builds the record. The cost of a paid endpoint is unknown; the others cost nothing. */
export function passThroughRecord(call: PassThroughCall): CallRecord {
  const { id, at, caller, method, url, startedAt } = call
  const refusal = 'refusal' in call ? call.refusal : undefined
  const latencyMs = performance.now() - startedAt
  const status = 'status' in call ? call.status : undefined
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
    ...(caller.keyId !== undefined && { keyId: caller.keyId }),
    attempts: refusal === undefined ? [{ model: '', status, latencyMs }] : [],
    status: statusOf(call),
  }
  if (caller.mode !== 'embedded') record.mode = caller.mode
  if (refusal !== undefined || !isPaid(method, url)) record.costUsd = 0
  if (status !== undefined) record.httpStatus = status
  if (refusal !== undefined) record.error = refusal
  else if ('error' in call) record.error = nameOf(call.error)
  else if (call.status >= 400) record.error = `http_${call.status}`
  return record
}

function statusOf(call: PassThroughCall): CallRecord['status'] {
  if ('error' in call) return call.aborted ? 'aborted' : 'failed'
  if (call.refusal !== undefined) return 'refused'
  return call.status < 400 ? 'ok' : 'failed'
}
