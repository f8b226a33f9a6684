import type { Call, Handler, Stage } from '../core/call.ts'
import type { SemanticPlan } from '../core/caller.ts'
import type { SemanticResult } from '../core/record.ts'
import { withoutResponse } from '../core/recording.ts'
import type { Reply } from '../core/reply.ts'
import { NO_USAGE } from '../core/usage.ts'
import { entryOf } from '../entry/create.ts'
import { stampsIn } from '../entry/epoch.ts'
import { hit } from '../entry/hit.ts'
import { isStorable } from '../entry/storable.ts'
import { suits } from '../entry/suits.ts'
import { keysOf } from '../fingerprint/key.ts'
import { raceAbort } from '../util/timeout.ts'
import { signalAfter } from '../util/timers.ts'
import { NEIGHBOURS } from './decision/consensus.ts'
import type { Asker, Learner } from './decision/learner.ts'
import { type Match, NO_MATCH } from './decision/match.ts'
import { checkedVector } from './embedding/checked.ts'
import type { Embedder } from './embedding/embedder.ts'
import { embedThrough } from './embedding/openai.ts'
import { judge, saidIn } from './judge/judge.ts'
import { ineligibleReason } from './query/eligibility.ts'
import { extractQuery, type Query } from './query/extract.ts'
import { type Partition, type PartitionRules, partitionOf, partitionRulesOf } from './query/partition.ts'
import { isImpersonalAnswer } from './query/storable.ts'
import type { Neighbour, SemanticStore, Since } from './store/port.ts'

export type SemanticParts = {
  store: SemanticStore
  /** Absent: upstream's own, through the pipeline. */
  embedder: Embedder | undefined
  model: string
  dimensions: number
  /** How long a call waits for its vector before it goes on as if there were no semantic cache. */
  deadlineMs: number
  /** The first part of what partitions are made of; `undefined` where a call brings no credentials to make it of. */
  secretOf: (call: Call) => string | undefined
  learner: Learner
  /** Told of what goes on when the caller has its answer. */
  track: (work: Promise<void>) => void
}

/** One question on its way through this stage. */
type Search = {
  asked: Query
  partition: Partition
  school: PartitionRules
  /** Where the exact cache has its answer, or would have. */
  exact: string
  plan: SemanticPlan
  vector: () => Promise<Float32Array>
  /** Somebody asked for it already. */
  isMade: () => boolean
}

/** Answers what has been asked in other words, where that is safe; learns where it is. */
export function createLookup(parts: SemanticParts, pipeline: Handler): Stage {
  const { store, learner } = parts
  return (next) =>
    async function answering(call) {
      const plan = call.caller.semantic
      if (plan === undefined) return await next(call)
      const search = searchFor(call, plan)
      if (search === 'operation') return await next(call)
      if (typeof search === 'string')
        return noted(await next(call), { outcome: 'ineligible', reason: search })
      if (!call.controls.cache.read) return await ask(next, call, search, undefined)
      // Of an empty shelf no vector is needed, unless the answer is put there.
      if (!store.holds(search.partition)) return await ask(next, call, search, Promise.resolve(NO_MATCH))
      // Nobody waits for what will not be served.
      if (plan.mode === 'shadow') return await ask(next, call, search, look(search, call))
      const found = await look(search, call)
      if (call.signal.aborted) return given(call, found.meaning)
      const { candidate, meaning } = found
      if (meaning.outcome !== 'hit' || candidate === undefined)
        return await ask(next, call, search, Promise.resolve(found))
      const reply = serve(candidate, meaning, call)
      if (reply === undefined) return await ask(next, call, search, Promise.resolve(found))
      learner.consider(search.asked.text, found, askerOf(call, search, plan))
      return reply
    }

  function searchFor(call: Call, plan: SemanticPlan): Search | string {
    if (call.outbound.immutable) return 'provider'
    const asked = extractQuery(call.operation, call.body)
    if (typeof asked === 'string') return asked
    // What may not be shared between equal questions may not be shared between similar ones.
    const keys = keysOf(call)
    if ('bypass' in keys) return keys.bypass
    const reason = ineligibleReason(asked.text)
    if (reason !== undefined) return reason
    const secret = parts.secretOf(call)
    const id = parts.embedder?.id ?? `${parts.model}/${parts.dimensions}`
    const partition = secret === undefined ? undefined : partitionOf(call, asked, id, secret)
    if (secret === undefined) return 'no-credentials'
    if (partition === undefined) return 'nested-too-deeply'
    let vector: Promise<Float32Array> | undefined
    return {
      asked,
      partition,
      school: partitionRulesOf(call, id, secret),
      exact: keys.exact,
      plan,
      vector: () => (vector ??= embed(call, asked.text)),
      isMade: () => vector !== undefined,
    }
  }

  function askerOf(call: Call, { asked, partition, school }: Search, plan: SemanticPlan): Asker {
    return {
      refute: (wrong) =>
        store.refute(
          partition,
          asked.text,
          wrong.map(({ entry }) => entry),
        ),
      school,
      plan,
      judge: (asked, near, model) => judge(pipeline, call, asked, near, model),
    }
  }

  async function embed(call: Call, question: string): Promise<Float32Array> {
    const signal = signalAfter(parts.deadlineMs)
    if (parts.embedder !== undefined) {
      return checkedVector(await parts.embedder.embed([question], signal), parts.embedder.dimensions)
    }
    const { model, dimensions } = parts
    return await embedThrough(pipeline, call, question, { model, dimensions, signal })
  }

  /** Bounded by the deadline, and by the caller's own patience. */
  async function look({ asked, partition, school, plan, vector }: Search, call: Call): Promise<Match> {
    let neighbours: Neighbour[] | undefined
    try {
      const ready = Promise.all([vector(), learner.prepare(school, plan)])
      const search = ready.then(([vector]) => store.nearest(partition, vector, NEIGHBOURS, asked.text))
      neighbours = await raceAbort(search, call.signal, parts.deadlineMs)
    } catch {
      if (call.signal.aborted) return unavailable('aborted')
    }
    if (neighbours === undefined) return unavailable('embedding')
    // What is too old for this caller, or told no usage that it wants, is as if it were not there.
    const fit = neighbours.filter(({ entry }) => suits(entry.answer, call))
    return learner.find(asked.text, fit, school, plan)
  }

  /** Has the call answered as if this stage were not there; then keeps the answer, and learns from it. */
  async function ask(
    next: Handler,
    call: Call,
    search: Search,
    looking: Promise<Match> | undefined,
  ): Promise<Reply> {
    looking?.catch(() => undefined)
    const since = sinceOf(call, store.since(search.partition))
    const reply = await next(call)
    parts.track(afterwards(reply, call, search, since, looking))
    return looking === undefined
      ? reply
      : {
          ...reply,
          semantic: looking.then(
            ({ meaning }) => meaning,
            () => undefined,
          ),
        }
  }

  async function afterwards(
    reply: Reply,
    call: Call,
    search: Search,
    since: Since,
    looking: Promise<Match> | undefined,
  ) {
    try {
      const ending = await reply.recording.ended
      const found = await looking
      const whole = reply.via === 'upstream' && reply.recording.status === 200 && ending.type === 'complete'
      const answer = whole ? ending.answer() : undefined
      if (answer === undefined) return
      const { asked, partition, exact } = search
      const isFree = hasRoom(reply.headers)
      // Calls of ours never take the last of what the team's own are allowed.
      if (!isFree && parts.embedder === undefined && !search.isMade()) return
      const plan = isFree ? search.plan : { ...search.plan, judge: undefined }
      const asker = askerOf(call, search, plan)
      const near = found ?? NO_MATCH
      const stores = call.controls.cache.store && isStorable(call, answer) && isImpersonalAnswer(answer.json)
      if (!stores) return learner.consider(asked.text, near, asker)
      const groups = await learner.groupsOf(asked.text, saidIn(answer.text), near, asker)
      const ttl = Math.min(plan.ttlSeconds, call.controls.cache.ttl ?? Number.POSITIVE_INFINITY)
      const entry = entryOf(answer, reply, ending.usage, call, { ttl, longer: 0 })
      if (ttl <= 0 || since.isOver()) return
      await store.add(
        partition,
        await search.vector(),
        { question: asked.text, answer: entry, groups, exact },
        since,
      )
    } catch {
      // Without a vector there is nothing to keep; the record of the embedding says why there was none.
    }
  }
}

/** The part of a team's limits that its callers have for themselves. */
const RESERVED = 0.2

/** Whether the team has tokens to spare, as the quota said of this call. */
function hasRoom(headers: Record<string, string> = {}): boolean {
  const { 'x-ratelimit-remaining-tokens': left, 'x-ratelimit-limit-tokens': of } = headers
  return left === undefined || of === undefined || Number(left) >= RESERVED * Number(of)
}

const unavailable = (reason: string): Match => ({
  meaning: { outcome: 'unavailable', reason },
  neighbours: [],
})

function serve({ entry, similarity }: Neighbour, meaning: SemanticResult, call: Call): Reply | undefined {
  const reply = hit(entry.answer, entry.id, call, 'semantic')
  return reply && { ...reply, similarity, semantic: meaning }
}

/** The caller left before anything was asked of anybody. */
function given({ model, route, signal }: Call, meaning: SemanticResult): Reply {
  const ended = Promise.resolve({ type: 'aborted' as const, usage: NO_USAGE })
  return {
    via: 'upstream',
    model,
    route,
    semantic: meaning,
    recording: withoutResponse(signal.reason, ended),
  }
}

/**
 * Where the exact cache has just looked into Redis for a team's own answers, it knows of purges at least as well. What is
 * not known is taken for nothing: where there was a purge, the first answer after it is not kept.
 */
function sinceOf({ epoch, caller }: Call, known: Omit<Since, 'isOver'>): Since {
  const isOver = epoch?.isOver ?? (() => false)
  const hasLooked = epoch !== undefined && caller.exact !== undefined && !caller.crossTeamCache
  return { ...known, isOver, ...(hasLooked && { stamps: stampsIn(epoch.name) }) }
}

const noted = (reply: Reply, meaning: SemanticResult): Reply => ({ ...reply, semantic: meaning })
