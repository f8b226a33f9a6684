import { createEntry } from '../cache-entry/create.ts'
import { stampsIn } from '../cache-entry/epoch.ts'
import { fitsCall } from '../cache-entry/fits-call.ts'
import { hit } from '../cache-entry/hit.ts'
import { isStorable } from '../cache-entry/storable.ts'
import type { Call, Handler, Stage } from '../core/call.ts'
import type { SemanticPlan } from '../core/caller.ts'
import type { SemanticResult } from '../core/record.ts'
import { abortedReply, type Reply } from '../core/reply.ts'
import { keysOf } from '../fingerprint/key.ts'
import { raceAbort } from '../util/timeout.ts'
import { signalAfter } from '../util/timers.ts'
import { warnForbiddenModels } from './allowed-models.ts'
import { NEIGHBOURS } from './decision/consensus.ts'
import type { Learner, LearningContext } from './decision/learner.ts'
import { type Match, NO_MATCH } from './decision/match.ts'
import { checkedVector } from './embedding/checked.ts'
import type { Embedder } from './embedding/embedder.ts'
import { embedThrough } from './embedding/openai.ts'
import { judge } from './judge/judge.ts'
import { answerText } from './judge/prompt.ts'
import { type CallMoney, createCallMoney } from './money.ts'
import { askerOf } from './query/asker.ts'
import { ineligibleReason } from './query/eligibility.ts'
import { extractQuery, type Query } from './query/extract.ts'
import { type CalibrationScope, calibrationScopeOf, type Partition, partitionOf } from './query/partition.ts'
import { isImpersonalAnswer } from './query/storable.ts'
import type { Candidate, PurgeSnapshot, SemanticStore } from './store/port.ts'

export type SemanticParts = {
  store: SemanticStore
  /** Absent: upstream's embeddings API, through the pipeline. */
  embedder: Embedder | undefined
  model: string
  dimensions: number
  /** Milliseconds a call waits for its vector; then it continues as a miss. */
  deadlineMs: number
  /** Returns the secret that partitions are derived from; `undefined` if the call has no credentials. */
  secretOf: (call: Call) => string | undefined
  learner: Learner
  /** Called with work that continues after the caller has its answer. */
  track: (work: Promise<void>) => void
}

/** A question during this stage. */
type Search = {
  query: Query
  partition: Partition
  scope: CalibrationScope
  /** Key of the same answer in the exact cache. */
  exactKey: string
  plan: SemanticPlan
  money: CallMoney
  vector: () => Promise<Float32Array>
  /** Tells whether its vector was requested already. */
  isRequested: () => boolean
}

/** Creates the lookup: serves an answer given to a similar question where that is safe, and learns from new answers. */
export function createLookup(parts: SemanticParts, pipeline: Handler): Stage {
  const { store, learner } = parts
  return (next) =>
    async function lookup(call) {
      const plan = call.caller.semantic
      if (plan === undefined) return await next(call)
      const search = searchFor(call, plan)
      if (search === 'operation') return await next(call)
      if (typeof search === 'string')
        return withResult(await next(call), { outcome: 'ineligible', reason: search })
      warnForbiddenModels(call, plan, parts.embedder === undefined ? parts.model : undefined)
      if (!call.controls.cache.read) return await forward(next, call, search, undefined)
      // An empty partition needs no vector until an answer is stored.
      if (!store.holds(search.partition)) return await forward(next, call, search, Promise.resolve(NO_MATCH))
      // Where nothing is served, no caller waits.
      if (!(await mayServe(search))) return await forward(next, call, search, find(search, call, false))
      const found = await find(search, call, true)
      if (call.signal.aborted) return { ...abortedReply(call), semantic: found.result }
      const { chosen, result } = found
      if (result.outcome !== 'hit' || chosen === undefined)
        return await forward(next, call, search, Promise.resolve(found))
      const reply = serve(chosen, result, call)
      if (reply === undefined) return await forward(next, call, search, Promise.resolve(found))
      search.money.saved(chosen.entry.answer)
      learner.judgeHit(search.query.text, found, learningContext(call, search, plan, chosen.entry.answer))
      return reply
    }

  async function mayServe({ scope, plan }: Search): Promise<boolean> {
    if (plan.mode !== 'auto') return plan.mode === 'on'
    await learner.auto.refresh(scope, plan)
    return learner.auto.standing(scope, plan).serving
  }

  function searchFor(call: Call, plan: SemanticPlan): Search | string {
    if (call.outbound.immutable) return 'provider'
    const query = extractQuery(call.operation, call.body)
    if (typeof query === 'string') return query
    // What equal questions may not share, similar ones may not share either.
    const keys = keysOf(call)
    if ('bypass' in keys) return keys.bypass
    const reason = ineligibleReason(query.text)
    if (reason !== undefined) return reason
    const secret = parts.secretOf(call)
    const id = parts.embedder?.id ?? `${parts.model}/${parts.dimensions}`
    const partition = secret === undefined ? undefined : partitionOf(call, query, id, secret)
    if (secret === undefined) return 'no-credentials'
    if (partition === undefined) return 'nested-too-deeply'
    const scope = calibrationScopeOf(call, id, secret)
    const money = createCallMoney(learner, parts.track, { call, scope, plan, question: query.text })
    let vector: Promise<Float32Array> | undefined
    return {
      query,
      partition,
      scope,
      exactKey: keys.exact,
      plan,
      money,
      vector: () => (vector ??= embed(call, query.text, money)),
      isRequested: () => vector !== undefined,
    }
  }

  function learningContext(
    call: Call,
    { query, partition, scope, money }: Search,
    plan: SemanticPlan,
    answer: Parameters<CallMoney['prices']>[0],
  ): LearningContext {
    return {
      refute: (wrong) =>
        store.refute(
          partition,
          query.text,
          wrong.map(({ entry }) => entry),
        ),
      scope,
      plan,
      check: (impersonal) =>
        store.check(
          partition,
          impersonal.map(({ entry }) => entry),
        ),
      async discard(personal) {
        await Promise.all(personal.map(({ entry }) => store.admin.remove({ key: entry.id })))
      },
      judge: (question, near, model, fresh) =>
        judge(pipeline, call, question, near, model, fresh, (reply) => money.spent(reply, 'judgement')),
      prices: (near, fresh) => money.prices(answer, near, fresh),
    }
  }

  async function embed(call: Call, question: string, money: CallMoney): Promise<Float32Array> {
    const signal = signalAfter(parts.deadlineMs)
    if (parts.embedder !== undefined) {
      const made = parts.embedder.embed([question], signal)
      const limit = signalAfter(parts.deadlineMs * EMBEDDING_DEADLINES)
      return checkedVector(await raceAbort(Promise.resolve(made), limit), parts.embedder.dimensions)
    }
    const { model, dimensions } = parts
    const bill = (reply: Reply) => money.spent(reply, 'vector')
    return await embedThrough(pipeline, call, question, { model, dimensions, signal, bill })
  }

  /** Ends at the deadline, or when the caller aborts. */
  async function find(
    { query, partition, scope, plan, vector }: Search,
    call: Call,
    isAwaited: boolean,
  ): Promise<Match> {
    let neighbours: Candidate[] | undefined
    try {
      const ready = Promise.all([vector(), learner.prepare(scope, plan)])
      const search = ready.then(([vector]) => store.nearest(partition, vector, NEIGHBOURS, query.text))
      neighbours = await raceAbort(search, call.signal, parts.deadlineMs)
    } catch {
      if (call.signal.aborted) return unavailable('aborted')
    }
    if (neighbours === undefined) return unavailable('embedding')
    // An entry too old for this caller, or without the usage it needs, counts as absent.
    const fit = neighbours.filter(({ entry }) => fitsCall(entry.answer, call))
    return learner.find(query.text, fit, scope, plan, isAwaited)
  }

  /** Lets the next stages answer; then stores the answer and learns from it. */
  async function forward(
    next: Handler,
    call: Call,
    search: Search,
    pending: Promise<Match> | undefined,
  ): Promise<Reply> {
    pending?.catch(() => undefined)
    const snapshot = snapshotOf(call, store.snapshot(search.partition))
    const reply = await next(call)
    parts.track(storeAndLearn(reply, call, search, snapshot, pending))
    return pending === undefined
      ? reply
      : {
          ...reply,
          semantic: pending.then(
            ({ result }) => result,
            () => undefined,
          ),
        }
  }

  async function storeAndLearn(
    reply: Reply,
    call: Call,
    search: Search,
    snapshot: PurgeSnapshot,
    pending: Promise<Match> | undefined,
  ) {
    try {
      const ending = await reply.recording.ended
      const found = await pending
      const isComplete =
        reply.via === 'upstream' && reply.recording.status === 200 && ending.type === 'complete'
      const answer = isComplete ? ending.answer() : undefined
      if (answer === undefined) return
      const { query, partition, exactKey, money } = search
      const fresh = { model: reply.model, usage: ending.usage }
      if (found?.result.outcome === 'shadow-hit') money.saved(fresh)
      const isFree = hasSpareTokens(reply.headers)
      // The gateway's own calls leave the last part of a team's tokens to its callers.
      if (!isFree && parts.embedder === undefined && !search.isRequested()) return
      const plan = isFree ? search.plan : { ...search.plan, judge: undefined }
      const context = learningContext(call, search, plan, fresh)
      const near = found ?? NO_MATCH
      const stores = call.controls.cache.store && isStorable(call, answer) && isImpersonalAnswer(answer.json)
      if (!stores) return learner.judgeHit(query.text, near, context)
      const { groups, verdict } = await learner.place(query.text, answerText(answer.text), near, context)
      if (verdict === 'personal') return
      const ttl = Math.min(plan.ttlSeconds, call.controls.cache.ttl ?? Number.POSITIVE_INFINITY)
      const entry = createEntry(answer, reply, ending.usage, call, { ttl, staleSeconds: 0 })
      if (ttl <= 0 || snapshot.isOver()) return
      await store.add(
        partition,
        await search.vector(),
        {
          question: query.text,
          answer: entry,
          groups,
          exact: exactKey,
          asker: askerOf(call, partition),
          ...(verdict !== true && { unchecked: true as const }),
        },
        snapshot,
      )
    } catch {
      // Without a vector nothing is stored. The embedding call's record tells why it failed.
    }
  }
}

/** Deadlines after which a vector is given up for storing, too: an embedder may never answer. */
const EMBEDDING_DEADLINES = 10

/** Share of a team's tokens reserved for its callers. */
const RESERVED_SHARE = 0.2

/** Tells by the quota's headers whether the team has tokens beyond the reserve. */
function hasSpareTokens(headers: Record<string, string> = {}): boolean {
  const { 'x-ratelimit-remaining-tokens': left, 'x-ratelimit-limit-tokens': of } = headers
  return left === undefined || of === undefined || Number(left) >= RESERVED_SHARE * Number(of)
}

const unavailable = (reason: string): Match => ({
  result: { outcome: 'unavailable', reason },
  candidates: [],
})

function serve({ entry, similarity }: Candidate, result: SemanticResult, call: Call): Reply | undefined {
  const reply = hit(entry.answer, entry.id, call, 'semantic')
  return reply && { ...reply, similarity, semantic: result }
}

/**
 * Takes the purge stamps that the exact cache has just read from Redis for the team's own answers: they are at least
 * as recent. An unknown stamp reads as none: after a purge, the first answer is then not stored.
 */
function snapshotOf({ epoch, caller }: Call, known: Omit<PurgeSnapshot, 'isOver'>): PurgeSnapshot {
  const isOver = epoch?.isOver ?? (() => false)
  const hasLooked = epoch !== undefined && caller.exact !== undefined && !caller.crossTeamCache
  return { ...known, isOver, ...(hasLooked && { stamps: stampsIn(epoch.name) }) }
}

const withResult = (reply: Reply, result: SemanticResult): Reply => ({ ...reply, semantic: result })
