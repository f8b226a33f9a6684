import type { Recorder } from './account/recorder.ts'
import { account } from './account/stage.ts'
import { cache } from './cache/stage.ts'
import type { CacheStore } from './cache/store.ts'
import { type CrossProcess, crossProcess } from './coalesce/cross-process.ts'
import { coalesce } from './coalesce/stage.ts'
import type { Call, Handler, Stage } from './core/call.ts'
import type { Reply } from './core/reply.ts'
import type { KeyProvider } from './custody/key-provider.ts'
import { revoked } from './custody/revoked.ts'
import { custody } from './custody/stage.ts'
import { identify } from './identify/stage.ts'
import { type ProxyFailoverStats, proxyFailover } from './litellm/failover.ts'
import type { LitellmSettings } from './litellm/options.ts'
import { throughProxy } from './litellm/proxy.ts'
import { litellmControls } from './litellm/stage.ts'
import { quota } from './quota/stage.ts'
import type { QuotaStore } from './quota/store.ts'
import { route } from './route/stage.ts'
import type { SemanticParts } from './semantic/lookup.ts'
import { semantic } from './semantic/stage.ts'
import { stale } from './stale/stage.ts'
import { throttle } from './throttle/stage.ts'
import { probe } from './upstream/probe.ts'
import { send } from './upstream/send.ts'
import type { DeferredQueue } from './util/deferred.ts'
import type { Fault } from './util/faults.ts'
import type { Warn } from './util/log.ts'

type PipelineParts = {
  recorder: Recorder
  /** Records, and what the cache keeps. */
  later: DeferredQueue
  /** What quotas are told once a call has ended. */
  settlements: DeferredQueue
  answers: CacheStore
  limits: QuotaStore | undefined
  /** How questions are answered by meaning, for the agents that are asked so. */
  meanings: () => Promise<SemanticParts>
  /** How calls of all processes meet; absent: only those of this one do. */
  abroad: CrossProcess | undefined
  /** Told how many calls are waiting. */
  gauge: { waiting: number }
  /** Calls in mode `litellm` go through it, and those that find no other way; absent: there is none. */
  litellm: LitellmSettings | undefined
  detours: ProxyFailoverStats
  /** Exchanges team keys for upstream's own; absent: callers bring that one. */
  keeper: KeyProvider | undefined
  say: Warn
  fault: Fault
}

/** The whole gateway: what happens to a call, in this order, and to its reply in the other. */
export function pipeline(parts: PipelineParts): Handler {
  const ways = { embedded: embedded(parts), litellm: proxied(parts) }
  // In the third mode, `direct`, calls go straight: none comes here but what is refused.
  return (call) => (call.caller.mode === 'litellm' ? ways.litellm : ways.embedded)(call)
}

function embedded(parts: PipelineParts): Handler {
  const { recorder, later, settlements, answers, limits, meanings, abroad, gauge, litellm, keeper } = parts
  const { say, fault } = parts
  const accounts = account(recorder, { fault, deferred: later, send })
  const byDetour = litellm && {
    proxy: litellm,
    proxied: throughProxy(send),
    probe,
    warn: say,
    fault,
    stats: parts.detours,
  }
  const answer = compose(
    [
      keeper === undefined ? pass : revoked(keeper), //              is its key still one?
      cache(answers, { refresh, deferred: later, fault }), //                  has it been answered?
      semantic(meanings, whole, say), //                             has it been, in other words?
      coalesce(fault), //                                            is someone asking it right now?
      abroad === undefined ? pass : crossProcess(abroad, fault), //        is another process?
      throttle(gauge, fault), //                                         has upstream asked for a pause?
      keeper === undefined ? pass : custody(keeper), //              by which key?
      limits === undefined ? pass : quota(limits, settlements, gauge, fault), // may it be asked?
      byDetour === undefined ? pass : proxyFailover(byDetour), //           is the direct route whole?
    ],
    send,
  )
  /** What the cache asks of its own accord: known and routed already, but an expense of its own. */
  async function refresh(call: Call): Promise<Reply> {
    return await accounts(answer)(call)
  }
  /** What a call asks for its own sake, such as a vector: a call like any other. */
  async function whole(call: Call): Promise<Reply> {
    return await all(call)
  }
  const all = compose(
    [
      accounts, //                    what did it cost, and who pays?
      identify, //                    may it come in?
      stale(), //                     what if nobody can answer?
      route, //                       which model answers?
    ],
    answer,
  )
  return all
}

/** Through LiteLLM: it caches and counts, and is told how; we choose the model, join equal calls, and keep the books. */
function proxied({ recorder, later, gauge, say, fault }: PipelineParts): Handler {
  return compose(
    [
      account(recorder, { fault, deferred: later, send }), // what did it cost, and who pays?
      identify, //          may it come in?
      route, //             which model answers?
      litellmControls(say, later), //                          what must the proxy know?
      coalesce(fault), //                           is someone asking it right now?
      throttle(gauge, fault), //                        has upstream asked for a pause?
    ],
    throughProxy(send),
  )
}

const pass: Stage = (next) => next

/** The first listed acts first. */
const compose = (stages: Stage[], last: Handler): Handler =>
  stages.reduceRight((next, stage) => stage(next), last)
