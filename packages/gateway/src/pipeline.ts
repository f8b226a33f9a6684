import type { Recorder } from './account/recorder.ts'
import { account } from './account/stage.ts'
import { cache } from './cache/stage.ts'
import type { CacheStore } from './cache/store.ts'
import { type CrossProcess, crossProcess } from './coalesce/cross-process.ts'
import { coalesce } from './coalesce/stage.ts'
import type { Call, Handler, Stage } from './core/call.ts'
import type { LimitedLog } from './core/log-codes.ts'
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
import { staleIfError } from './stale-if-error/stage.ts'
import { throttle } from './throttle/stage.ts'
import { probe } from './upstream/probe.ts'
import { send } from './upstream/send.ts'
import type { DeferredQueue } from './util/deferred.ts'
import type { Fault } from './util/faults.ts'

type PipelineParts = {
  recorder: Recorder
  /** Work that no caller waits for: records, and writes of the cache. */
  deferred: DeferredQueue
  /** Settlements of quotas, once a call has ended. */
  settlements: DeferredQueue
  cache: CacheStore
  /** Absent if `quota` is `false`. */
  limits: QuotaStore | undefined
  /** Loads the modules of the semantic cache. */
  loadSemantic: () => Promise<SemanticParts>
  /** Flights shared with other processes. Absent unless `coalesce.crossProcess` is set. */
  crossProcess: CrossProcess | undefined
  /** Counts the calls that wait in queues. */
  waiting: { waiting: number }
  /** Proxy of mode `litellm`, and of failover. Absent if none is configured. */
  litellm: LitellmSettings | undefined
  failover: ProxyFailoverStats
  /** Exchanges team keys for upstream's own. Absent without custody. */
  keyProvider: KeyProvider | undefined
  log: LimitedLog
  fault: Fault
}

/** Composes the stages. A call passes them in the order listed, its reply in reverse. */
export function pipeline(parts: PipelineParts): Handler {
  const handlers = { embedded: embedded(parts), litellm: proxied(parts) }
  // Calls of mode `direct` do not come here, unless to be refused.
  return (call) => (call.caller.mode === 'litellm' ? handlers.litellm : handlers.embedded)(call)
}

/** Mode `embedded`: the gateway caches, limits and routes, and asks upstream itself. */
function embedded(parts: PipelineParts): Handler {
  const { recorder, deferred, settlements, limits, loadSemantic, waiting, keyProvider, log, fault } = parts
  const { cache: store, crossProcess: flights, litellm: proxy, failover: stats } = parts
  const accounts = account(recorder, { fault, deferred, send })
  const proxied = throughProxy(send)
  const answer = compose(
    [
      keyProvider === undefined ? skip : revoked(keyProvider), //                is the team key still valid?
      cache(store, { refresh, deferred, fault }), //                      was this answered before?
      semantic(loadSemantic, whole, log), //                                     was it, in other words?
      coalesce(fault), //                                                        is the same call in flight here?
      flights === undefined ? skip : crossProcess(flights, fault), //            is it in another process?
      throttle(waiting, fault), //                                               has upstream asked for a pause?
      keyProvider === undefined ? skip : custody(keyProvider), //                which key does upstream get?
      limits === undefined ? skip : quota(limits, settlements, waiting, fault), // is it within the limits?
      proxy === undefined ? skip : proxyFailover({ proxy, proxied, probe, warn: log, fault, stats }), // is upstream up?
    ],
    send,
  )
  /** Asks afresh for a cached answer: identified and routed already, with a record of its own. */
  async function refresh(call: Call): Promise<Reply> {
    return await accounts(answer)(call)
  }
  /** Asks for what a call needs itself, such as a vector: a call like any other. */
  async function whole(call: Call): Promise<Reply> {
    return await all(call)
  }
  const all = compose(
    [
      accounts, // what did it cost, and who pays?
      identify, // is the caller admitted?
      staleIfError(), //  which answer serves when upstream fails?
      route, //    which model answers?
    ],
    answer,
  )
  return all
}

/** Mode `litellm`: the proxy caches and limits, as told; the gateway routes, coalesces and records. */
function proxied({ recorder, deferred, waiting, log, fault }: PipelineParts): Handler {
  return compose(
    [
      account(recorder, { fault, deferred, send }), // what did it cost, and who pays?
      identify, //                                            is the caller admitted?
      route, //                                               which model answers?
      litellmControls(log, deferred), //                      which fields does the proxy get?
      coalesce(fault), //                                     is the same call in flight here?
      throttle(waiting, fault), //                            has upstream asked for a pause?
    ],
    throughProxy(send),
  )
}

const skip: Stage = (next) => next

/** The stage listed first acts first. */
const compose = (stages: Stage[], last: Handler): Handler =>
  stages.reduceRight((next, stage) => stage(next), last)
