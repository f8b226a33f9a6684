import type { PriceBook } from './account/price.ts'
import type { Recorder } from './account/recorder.ts'
import { account } from './account/stage.ts'
import { cache } from './cache/stage.ts'
import type { CacheStore } from './cache/store.ts'
import type { Handler, Stage } from './call.ts'
import { coalesce } from './coalesce/stage.ts'
import { identify } from './identify/stage.ts'
import type { Policy } from './policy/policy.ts'
import { pace } from './quota/pace.ts'
import { quota } from './quota/stage.ts'
import type { QuotaStore } from './quota/store.ts'
import { route } from './route/stage.ts'
import { send } from './upstream/send.ts'

type Parts = {
  policy: Policy
  prices: PriceBook
  recorder: Recorder
  answers: CacheStore
  limits: QuotaStore | undefined
  /** Told how many calls are waiting. */
  gauge: { waiting: number }
}

/** The whole gateway: what happens to a call, in this order, and to its reply in the other. */
export function pipeline({ policy, prices, recorder, answers, limits, gauge }: Parts): Handler {
  return compose(
    [
      account(prices, recorder), //                         what did it cost, and who pays?
      identify, //                                          may it come in?
      route(policy.routing ?? {}), //                       which model answers?
      cache(answers, policy.cacheRemoteContent ?? false), // has it been answered?
      coalesce(), //                                        is someone asking it right now?
      pace(gauge), //                                       has upstream asked for a pause?
      limits === undefined ? pass : quota(limits, prices, gauge), // may it be asked?
    ],
    send,
  )
}

const pass: Stage = (next) => next

/** The first listed acts first. */
const compose = (stages: Stage[], last: Handler): Handler =>
  stages.reduceRight((next, stage) => stage(next), last)
