import type { PriceBook } from './account/price.ts'
import type { Recorder } from './account/recorder.ts'
import { account } from './account/stage.ts'
import { cache } from './cache/stage.ts'
import type { CacheStore } from './cache/store.ts'
import type { Call, Handler, Reply, Stage } from './call.ts'
import { type Across, across } from './coalesce/across.ts'
import { coalesce } from './coalesce/stage.ts'
import { identify } from './identify/stage.ts'
import type { Later } from './later.ts'
import type { Policy } from './policy/policy.ts'
import { pace } from './quota/pace.ts'
import { quota } from './quota/stage.ts'
import type { QuotaStore } from './quota/store.ts'
import { route } from './route/stage.ts'
import { type SemanticParts, semantic } from './semantic/stage.ts'
import { stale } from './stale/stage.ts'
import { send } from './upstream/send.ts'

type Parts = {
  policy: Policy
  prices: PriceBook
  recorder: Recorder
  /** Records, and what the cache keeps. */
  later: Later
  /** What quotas are told once a call has ended. */
  settlements: Later
  answers: CacheStore
  limits: QuotaStore | undefined
  /** How questions are answered by meaning; absent: no policy asks for it. */
  meanings: SemanticParts | undefined
  /** How calls of all processes meet; absent: only those of this one do. */
  abroad: Across | undefined
  /** Told how many calls are waiting. */
  gauge: { waiting: number }
}

/** The whole gateway: what happens to a call, in this order, and to its reply in the other. */
export function pipeline(parts: Parts): Handler {
  const { policy, prices, recorder, later, settlements, answers, limits, meanings, abroad, gauge } = parts
  const accounts = account(prices, recorder)
  const remoteContent = policy.cacheRemoteContent ?? false
  const answer = compose(
    [
      cache(answers, { remoteContent, refresh, later }), //          has it been answered?
      meanings === undefined ? pass : semantic(meanings, whole), //  has it been, in other words?
      coalesce(), //                                                 is someone asking it right now?
      abroad === undefined ? pass : across(abroad), //               is another process?
      pace(gauge), //                                                has upstream asked for a pause?
      limits === undefined ? pass : quota(limits, prices, settlements, gauge), // may it be asked?
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
      route(policy.routing ?? {}), // which model answers?
    ],
    answer,
  )
  return all
}

const pass: Stage = (next) => next

/** The first listed acts first. */
const compose = (stages: Stage[], last: Handler): Handler =>
  stages.reduceRight((next, stage) => stage(next), last)
