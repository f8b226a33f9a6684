import type { Ending } from '../body/recording.ts'
import type { Call, Reply } from '../call.ts'
import { type Fault, guarded } from '../faults.ts'
import type { Origin } from '../identify/origin.ts'
import { willRetry } from '../identify/retries.ts'
import type { Later } from '../later.ts'
import type { NanoUsd } from '../quota/store.ts'
import { clearTimer, setTimer } from '../timers.ts'
import { codeOf, copied } from '../words.ts'
import { usd } from './price.ts'
import type { CacheState, CallRecord, Degraded, Draft } from './record.ts'
import type { Bill } from './stage.ts'
import type { Counters } from './stats.ts'

export type Recorder = ReturnType<typeof createRecorder>

/** When things happened, by `performance.now()`, and whether the caller left before the end. */
export type Seen = { left: boolean; firstByte: number | undefined; endedAt: number }

/** Longer than the SDK ever waits before it retries. */
const RETRY_OVERDUE_MS = 70_000
/** Longest name of a model in a record, in characters. */
const MAX_MODEL = 200

/** Writes each call's record, once: not before its last attempt, and not if its attempts never come to an end. */
export function createRecorder(
  counters: Counters,
  /** Does what the caller need not wait for. */
  later: Later,
  emit: (record: CallRecord, call: Call, ending: Ending) => void,
  fault: Fault,
  /** How shared Redis is, if not well. */
  condition: () => Degraded | undefined,
) {
  const open = new Set<Origin>()
  let idle: (() => void)[] = []

  function finish(call: Call, record: CallRecord, ending: Ending) {
    const { origin } = call
    if (!open.delete(origin)) return
    clearTimer(origin.draft?.overdue)
    // Else all that the call held is garbage that only a large collection finds: the SDK keeps its mark for longer.
    if (origin.draft !== undefined) origin.draft.last = undefined
    counters.counts.pending = open.size
    guarded(() => counters.count(record), fault, 'a record')
    guarded(() => emit(record, call, ending), fault, 'a record')
    settle()
  }

  function settle() {
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
    // A record that cannot be written in full is written in short: a call without one would stay open for ever.
    const emitNow = () => {
      const record =
        guarded(() => recordOf(call, reply, ending, bill, seen, condition), fault, 'a record') ??
        shortRecord(call, reply)
      finish(call, record, ending)
    }
    if (guarded(() => willRetry(call, reply), fault, 'a record') !== true) draft.last = emitNow
    if (draft.open === 0 && draft.last !== undefined) return draft.last()
    // While a later attempt is under way, the record is its own to emit.
    if (draft.open > 0 && draft.last === undefined) return
    clearTimer(draft.overdue)
    draft.overdue = setTimer(draft.last ?? emitNow, RETRY_OVERDUE_MS)
    draft.overdue.unref()
  }

  return {
    /** Answers what the call's earlier attempts cost; `undefined` where that is unknown, or not known yet. */
    begin(origin: Origin): NanoUsd | undefined {
      if (origin.draft === undefined) origin.draft = newDraft()
      else {
        // A retry goes on with what the attempt before it left.
        later.run()
        clearTimer(origin.draft.overdue)
      }
      const { draft } = origin
      const spent = draft.open === 0 ? draft.spent : undefined
      draft.open += 1
      open.add(origin)
      counters.counts.pending = open.size
      return spent
    },
    end(call: Call, reply: Reply, ending: Ending, bill: Bill, seen: Seen) {
      later.add(
        () => write(call, reply, ending, bill, seen),
        () => finish(call, shortRecord(call, reply), ending),
      )
    },
    /** Closes the record of a call that another one tells of. */
    forget(origin: Origin) {
      clearTimer(origin.draft?.overdue)
      if (!open.delete(origin)) return
      counters.counts.pending = open.size
      settle()
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

/** What of a call is known without a look at what anybody else wrote. */
function shortRecord(call: Call, reply: Reply): CallRecord {
  const { origin, caller, operation, view } = call
  const { attempts = [] } = origin.draft ?? {}
  return {
    id: origin.id,
    at: Math.round(performance.timeOrigin + origin.startedAt),
    agent: caller.agent,
    team: caller.team,
    tags: [],
    operation,
    path: '',
    stream: view.stream,
    model: reply.model,
    route: reply.route,
    cache: cacheState(reply),
    estimated: false,
    latencyMs: performance.now() - origin.startedAt,
    attempts,
    status: reply.via === 'refused' ? 'refused' : 'failed',
    error: 'gateway_fault',
  }
}

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
    model: clipped(reply.model),
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
  if (typeof body.model === 'string') record.modelAsked = clipped(body.model)
  if (reply.bypass !== undefined) record.bypass = reply.bypass
  if (reply.key !== undefined) record.cacheKey = reply.key
  if (reply.similarity !== undefined) record.similarity = reply.similarity
  if (reply.meaning !== undefined && !(reply.meaning instanceof Promise)) record.semantic = reply.meaning
  if (reply.ageMs !== undefined) record.ageMs = reply.ageMs
  const isCounted = reply.via !== 'refused' && reply.recording.status !== undefined && !ending.usage.unknown
  if (isCounted) record.usage = ending.usage.usage
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
  try {
    if (!(error instanceof Error)) return 'unknown'
    const { name, message, cause } = error as { name: unknown; message: unknown; cause?: unknown }
    const code = codeOf(cause)
    return `${text(name)}: ${text(message).slice(0, 80)}${code === undefined ? '' : ` ${code}`}`
  } catch {
    return 'unknown'
  }
}

const text = (value: unknown) => (typeof value === 'string' ? value : '')

const clipped = (model: string) => (model.length > MAX_MODEL ? copied(model, MAX_MODEL) : model)

/** Of an absolute address, without parsing it whole for every call. */
export const pathOf = (url: string) => /^[a-z]+:\/\/[^/?#]*([^?#]*)/i.exec(url)?.[1] ?? url
