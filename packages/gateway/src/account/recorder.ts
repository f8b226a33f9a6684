import type { Ending } from '../body/recording.ts'
import type { Call, Reply } from '../call.ts'
import type { Origin } from '../identify/origin.ts'
import { willRetry } from '../identify/retries.ts'
import type { Later } from '../later.ts'
import type { NanoUsd } from '../quota/store.ts'
import { usd } from './price.ts'
import type { CacheState, CallRecord, Degraded, Draft } from './record.ts'
import type { Bill } from './stage.ts'
import type { Counters } from './stats.ts'

export type Recorder = ReturnType<typeof createRecorder>

/** When things happened, by `performance.now()`, and whether the caller left before the end. */
export type Seen = { left: boolean; firstByte: number | undefined; endedAt: number }

/** Longer than the SDK ever waits before it retries. */
const RETRY_OVERDUE_MS = 70_000

/** Writes each call's record, once: not before its last attempt, and not if its attempts never come to an end. */
export function createRecorder(
  counters: Counters,
  /** Does what the caller need not wait for. */
  later: Later,
  emit: (record: CallRecord, call: Call, ending: Ending) => void,
  /** How shared Redis is, if not well. */
  condition: () => Degraded | undefined,
) {
  const open = new Set<Origin>()
  let idle: (() => void)[] = []

  function finish(call: Call, record: CallRecord, ending: Ending) {
    const { origin } = call
    if (!open.delete(origin)) return
    clearTimeout(origin.draft?.overdue)
    counters.counts.pending = open.size
    counters.count(record)
    emit(record, call, ending)
    if (open.size > 0) return
    for (const resolve of idle) resolve()
    idle = []
  }

  function write(call: Call, reply: Reply, ending: Ending, bill: Bill, seen: Seen) {
    const { origin } = call
    const draft = origin.draft
    if (draft === undefined) return
    draft.open -= 1
    draft.spent = plus(draft.spent, bill.cost)
    draft.estimated ||= ending.usage.estimated
    const emitNow = () => finish(call, recordOf(call, reply, ending, bill, seen, condition), ending)
    if (!willRetry(call, reply)) draft.last = emitNow
    if (draft.open === 0 && draft.last !== undefined) return draft.last()
    // While a later attempt is under way, the record is its own to emit.
    if (draft.open > 0 && draft.last === undefined) return
    clearTimeout(draft.overdue)
    draft.overdue = setTimeout(draft.last ?? emitNow, RETRY_OVERDUE_MS)
    draft.overdue.unref()
  }

  return {
    /** Answers what the call's earlier attempts cost; `undefined` where that is unknown, or not known yet. */
    begin(origin: Origin): NanoUsd | undefined {
      if (origin.draft === undefined) origin.draft = newDraft()
      else {
        // A retry goes on with what the attempt before it left.
        later.run()
        clearTimeout(origin.draft.overdue)
      }
      const { draft } = origin
      const spent = draft.open === 0 ? draft.spent : undefined
      draft.open += 1
      open.add(origin)
      counters.counts.pending = open.size
      return spent
    },
    /** An attempt that came to nothing, by a mistake of ours. */
    abandon({ draft }: Origin) {
      if (draft !== undefined) draft.open -= 1
    },
    end(call: Call, reply: Reply, ending: Ending, bill: Bill, seen: Seen) {
      later.add(() => write(call, reply, ending, bill, seen))
    },
    /** Resolves once no record is open. */
    settled: () => (open.size === 0 ? Promise.resolve() : new Promise<void>((resolve) => idle.push(resolve))),
  }
}

/** Unknown and something is unknown. */
export const plus = (a: NanoUsd | undefined, b: NanoUsd | undefined): NanoUsd | undefined =>
  a === undefined || b === undefined ? undefined : ((a + b) as NanoUsd)

const newDraft = (): Draft => ({
  attempts: [],
  open: 0,
  spent: 0 as NanoUsd,
  last: undefined,
  estimated: false,
  waitedMs: 0,
  degraded: false,
  overdue: undefined,
})

function recordOf(
  call: Call,
  reply: Reply,
  ending: Ending,
  bill: Bill,
  seen: Seen,
  condition: () => Degraded | undefined,
): CallRecord {
  const { origin, caller, controls, body, operation, outgoing, view } = call
  const { attempts, spent, estimated, waitedMs, degraded } = origin.draft ?? newDraft()
  const record: CallRecord = {
    id: origin.id,
    at: origin.at,
    agent: caller.agent,
    team: caller.team,
    tags: controls.tags,
    operation,
    path: pathOf(outgoing.url),
    stream: view.stream,
    model: reply.model,
    route: reply.route,
    cache: cacheState(reply),
    estimated,
    latencyMs: seen.endedAt - origin.startedAt,
    attempts,
    status: statusOf(reply, ending, seen),
  }
  if (call.purpose !== undefined) record.purpose = call.purpose
  if (caller.mode !== 'embedded') record.mode = caller.mode
  if (controls.session !== undefined) record.session = controls.session
  if (controls.user !== undefined) record.user = controls.user
  if (controls.trace !== undefined) record.trace = controls.trace
  if (typeof body.model === 'string') record.modelAsked = body.model
  if (reply.bypass !== undefined) record.bypass = reply.bypass
  if (reply.key !== undefined) record.cacheKey = reply.key
  if (reply.similarity !== undefined) record.similarity = reply.similarity
  if (reply.meaning !== undefined && !(reply.meaning instanceof Promise)) record.semantic = reply.meaning
  if (reply.ageMs !== undefined) record.ageMs = reply.ageMs
  if (reply.via !== 'refused' && reply.recording.status !== undefined) record.usage = ending.usage.usage
  if (spent !== undefined) record.costUsd = usd(spent)
  if (waitedMs > 0) record.waitedMs = waitedMs
  const trouble = condition() ?? (degraded ? 'slow' : undefined)
  if (trouble !== undefined) record.degraded = trouble
  if (bill.saved !== undefined) record.savedUsd = usd(bill.saved)
  if (view.stream && seen.firstByte !== undefined) record.firstTokenMs = seen.firstByte - origin.startedAt
  if (reply.recording.status !== undefined) record.httpStatus = reply.recording.status
  const error = errorOf(reply, ending)
  if (error !== undefined) record.error = error
  return record
}

export function cacheState(reply: Reply): CacheState {
  const { via } = reply
  if (via === 'exact' || via === 'semantic' || via === 'flight' || via === 'stale') return via
  return reply.bypass === undefined ? 'miss' : 'bypass'
}

function statusOf(reply: Reply, ending: Ending, { left }: Seen): CallRecord['status'] {
  if (reply.via === 'refused') return 'refused'
  if (ending.type !== 'complete') return ending.type
  if (left) return 'aborted'
  return (reply.recording.status ?? 500) < 400 ? 'ok' : 'failed'
}

/** Names, codes and numbers only: messages of others may quote what was sent. */
function errorOf(reply: Reply, ending: Ending): string | undefined {
  if (reply.via === 'refused') return reply.refusal ?? 'refused'
  if (ending.type === 'failed') return nameOf(ending.error)
  const { status } = reply.recording
  return status !== undefined && status >= 400 ? `http_${status}` : undefined
}

export function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  const cause = error.cause
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? ` ${String(cause.code)}` : ''
  return `${error.name}: ${error.message.slice(0, 80)}${code}`
}

/** Of an absolute address, without parsing it whole for every call. */
export const pathOf = (url: string) => /^[a-z]+:\/\/[^/?#]*([^?#]*)/i.exec(url)?.[1] ?? url
