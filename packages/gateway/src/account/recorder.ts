import type { Call } from '../core/call.ts'
import type { CallState } from '../core/call-state.ts'
import { type NanoUsd, usd } from '../core/money.ts'
import type { CacheState, CallRecord, Degraded, RecordDraft } from '../core/record.ts'
import type { Ending } from '../core/recording.ts'
import type { Cost, Reply } from '../core/reply.ts'
import { willRetry } from '../core/retries.ts'
import type { DeferredQueue } from '../util/deferred.ts'
import { codeOf, copied } from '../util/error-text.ts'
import { type Fault, guarded, ignoreRejection } from '../util/faults.ts'
import { clearTimer, setTimer } from '../util/timers.ts'
import type { Counters } from './counters.ts'

export type Recorder = ReturnType<typeof createRecorder>

/** Times by `performance.now()`. `left`: the caller left before the end. */
export type Timing = { left: boolean; firstByte: number | undefined; endedAt: number }

/** Longer than the SDK ever waits before a retry. */
const RETRY_OVERDUE_MS = 70_000
/** Longest name of a model in a record, in characters. */
const MAX_MODEL_CHARS = 200

/** Writes one record per call: after its last attempt, or once an expected retry is overdue. */
export function createRecorder(
  counters: Counters,
  /** Runs work that the caller need not wait for. */
  deferred: DeferredQueue,
  emit: (record: CallRecord, call: Call, ending: Ending) => void,
  fault: Fault,
  /** Returns the current trouble of shared Redis, if any. */
  degradation: () => Degraded | undefined,
) {
  const open = new Set<CallState>()
  /** Calls that failed and for which the SDK is expected to try again: how their wait ends. */
  const waiting = new Map<CallState, { give: () => void; stop: () => void }>()
  let idle: (() => void)[] = []

  function finish(call: Call, record: CallRecord, ending: Ending) {
    const { state } = call
    if (!open.delete(state)) return
    guarded(() => stopWaiting(state), fault, 'a record')
    // The SDK keeps the call state for longer: the record must not keep the call alive through it.
    if (state.draft !== undefined) state.draft.last = undefined
    counters.counts.pending = open.size
    guarded(() => counters.count(record), fault, 'a record')
    guarded(() => emit(record, call, ending), fault, 'a record')
    settle()
  }

  /** Records a call at once if its caller gives up before the SDK tries again, or if no attempt follows in time. */
  function awaitRetry(state: CallState, give: () => void) {
    guarded(() => stopWaiting(state), fault, 'a record')
    const timer = setTimer(give, RETRY_OVERDUE_MS)
    timer.unref()
    const { userSignal } = state
    const giveUp = ignoreRejection(give, fault, 'a record')
    userSignal?.addEventListener('abort', giveUp, { once: true })
    waiting.set(state, {
      give,
      stop() {
        clearTimer(timer)
        userSignal?.removeEventListener('abort', giveUp)
      },
    })
  }

  function stopWaiting(state: CallState) {
    waiting.get(state)?.stop()
    waiting.delete(state)
  }

  function settle() {
    if (open.size > 0) return
    for (const resolve of idle) resolve()
    idle = []
  }

  function write(call: Call, reply: Reply, ending: Ending, cost: Cost, timing: Timing) {
    const { state } = call
    const draft = state.draft
    if (draft === undefined) return
    draft.open -= 1
    draft.spent = addCosts(draft.spent, cost.cost)
    draft.estimated ||= ending.usage.estimated
    // Falls back to a short record: a call without a record would stay open for ever.
    const emitNow = () => {
      const record =
        guarded(() => recordOf(call, reply, ending, cost, timing, degradation), fault, 'a record') ??
        shortRecord(call, reply)
      finish(call, record, ending)
    }
    if (guarded(() => willRetry(call, reply), fault, 'a record') !== true) draft.last = emitNow
    if (draft.open === 0 && draft.last !== undefined) return draft.last()
    // While a later attempt is running, that attempt emits the record.
    if (draft.open > 0 && draft.last === undefined) return
    awaitRetry(state, draft.last ?? emitNow)
  }

  return {
    /** Returns the cost of the call's earlier attempts; `undefined`: unknown, or not known yet. */
    begin(state: CallState): NanoUsd | undefined {
      if (state.draft === undefined) state.draft = newDraft()
      else {
        // A retry continues the draft of the attempt before it.
        deferred.run()
        guarded(() => stopWaiting(state), fault, 'a record')
      }
      const { draft } = state
      const spent = draft.open === 0 ? draft.spent : undefined
      draft.open += 1
      open.add(state)
      counters.counts.pending = open.size
      return spent
    },
    end(call: Call, reply: Reply, ending: Ending, cost: Cost, timing: Timing) {
      deferred.add(
        () => write(call, reply, ending, cost, timing),
        () => finish(call, shortRecord(call, reply), ending),
      )
    },
    /** Drops the draft of a call that is recorded elsewhere. */
    discard(state: CallState) {
      guarded(() => stopWaiting(state), fault, 'a record')
      if (!open.delete(state)) return
      counters.counts.pending = open.size
      settle()
    },
    /** Records the calls that wait for another attempt: for the end of the program, which makes none. */
    endWaiting() {
      for (const { give } of [...waiting.values()]) guarded(give, fault, 'a record')
    },
    /** Resolves once no record is open. */
    settled: () => (open.size === 0 ? Promise.resolve() : new Promise<void>((resolve) => idle.push(resolve))),
  }
}

/** Adds two amounts; unknown plus anything is unknown. */
export const addCosts = (a: NanoUsd | undefined, b: NanoUsd | undefined): NanoUsd | undefined =>
  a === undefined || b === undefined ? undefined : ((a + b) as NanoUsd)

const newDraft = (): RecordDraft => ({
  attempts: [],
  open: 0,
  spent: 0 as NanoUsd,
  last: undefined,
  estimated: false,
  waitedMs: 0,
  degraded: false,
})

/** Builds a record from fields that cannot throw: nothing in it was written by the program or by upstream. */
function shortRecord(call: Call, reply: Reply): CallRecord {
  const { state, caller, operation, view } = call
  const { attempts = [] } = state.draft ?? {}
  return {
    id: state.id,
    startedAt: Math.round(performance.timeOrigin + state.startedAt),
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
    latencyMs: performance.now() - state.startedAt,
    attempts,
    status: reply.via === 'refused' ? 'refused' : 'failed',
    error: 'gateway_fault',
  }
}

function recordOf(
  call: Call,
  reply: Reply,
  ending: Ending,
  cost: Cost,
  timing: Timing,
  degradation: () => Degraded | undefined,
): CallRecord {
  const { state, caller, controls, body, operation, outbound, view } = call
  const { attempts, spent, estimated, waitedMs, degraded } = state.draft ?? newDraft()
  const record: CallRecord = {
    id: state.id,
    startedAt: state.madeAtMs,
    agent: caller.agent,
    team: caller.team,
    tags: controls.tags,
    operation,
    path: pathOf(outbound.url),
    stream: view.stream,
    model: clipModel(reply.model),
    route: reply.route,
    cache: cacheState(reply),
    estimated,
    latencyMs: timing.endedAt - state.startedAt,
    attempts,
    status: statusOf(reply, ending, timing),
  }
  if (caller.keyId !== undefined) record.keyId = caller.keyId
  if (call.purpose !== undefined) record.purpose = call.purpose
  if (caller.mode !== 'embedded') record.mode = caller.mode
  if (controls.session !== undefined) record.session = controls.session
  if (controls.user !== undefined) record.user = controls.user
  if (controls.trace !== undefined) record.trace = controls.trace
  if (typeof body.model === 'string') record.requestedModel = clipModel(body.model)
  if (reply.bypass !== undefined) record.bypass = reply.bypass
  if (reply.key !== undefined) record.cacheKey = reply.key
  if (reply.similarity !== undefined) record.similarity = reply.similarity
  if (reply.semantic !== undefined && !(reply.semantic instanceof Promise)) record.semantic = reply.semantic
  if (reply.ageMs !== undefined) record.ageMs = reply.ageMs
  const isCounted = reply.via !== 'refused' && reply.recording.status !== undefined && !ending.usage.unknown
  if (isCounted) record.usage = ending.usage.usage
  if (spent !== undefined) record.costUsd = usd(spent)
  if (waitedMs > 0) record.waitedMs = waitedMs
  const degradedBy = degradation() ?? (degraded ? 'slow' : undefined)
  if (degradedBy !== undefined) record.degraded = degradedBy
  if (cost.saved !== undefined) record.savedUsd = usd(cost.saved)
  if (view.stream && timing.firstByte !== undefined) record.firstTokenMs = timing.firstByte - state.startedAt
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

function statusOf(reply: Reply, ending: Ending, { left }: Timing): CallRecord['status'] {
  if (reply.via === 'refused') return 'refused'
  if (ending.type !== 'complete') return ending.type
  if (left) return 'aborted'
  return (reply.recording.status ?? 500) < 400 ? 'ok' : 'failed'
}

/** Names, codes and numbers only: foreign error messages may quote request content. */
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

const clipModel = (model: string) => (model.length > MAX_MODEL_CHARS ? copied(model, MAX_MODEL_CHARS) : model)

/** Returns the path of an absolute URL, without parsing the whole URL on every call. */
export const pathOf = (url: string) => /^[a-z]+:\/\/[^/?#]*([^?#]*)/i.exec(url)?.[1] ?? url
