import { setTimeout as sleep } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import type { Call } from '../core/call.ts'
import type { MeteredUsage } from '../core/usage.ts'
import { OPERATIONS } from '../operations/operations.ts'
import { withResolvers } from '../util/with-resolvers.ts'

/**
 * What answers to calls without a tier showed of a model in a project. `usual`: number of answers at a usual tier, up to the
 * first `ENOUGH`. `urgent`: whether an answer named a dearer tier.
 */
type Known = { usual: number; urgent: boolean }

/**
 * Tiers at which a call may be billed. `asked`: requested tiers. `assumed`: others that the project may apply. `guessed`: set
 * if no answer has confirmed the assumption. `key`: model and project to learn about; absent if there is nothing to learn.
 */
export type Tiers = { asked: string[]; assumed: string[]; guessed?: true; key?: string }

/**
 * Calls in flight whose tier was guessed. `surcharge`: billionths of a dollar that the guess adds to their holds. `over`
 * resolves once all of them have ended.
 */
type Guessed = { count: number; surcharge: number; over: PromiseWithResolvers<void> }

/** Retries while only other processes have calls in flight; with exponential backoff 6.2 s in total. */
const MOMENTS = 5
const MOMENT_MS = 200
const MOST_KNOWN = 1_000
/** Answers at a usual tier that confirm it: under load a project at the priority tier also answers some calls at the usual one. */
const ENOUGH = 3
const DEFAULT = ['default']
export const USUAL: Tiers = { asked: DEFAULT, assumed: [] }
const URGENT: Tiers = { asked: DEFAULT, assumed: ['priority'] }
const UNKNOWN: Tiers = { ...URGENT, guessed: true }
const DEAR = new Set(['priority', 'fast', 'ultrafast'])

/**
 * Determines the tier that upstream's project settings give to calls without a tier or with `auto`. The policy's
 * `defaultServiceTier` has precedence. Without it, the dearest tier is assumed until the first `ENOUGH` answers of a model
 * have named a usual one, and permanently after an answer has named a dearer one. Source: OpenAI API reference,
 * `service_tier`.
 */
export function createProjectTiers() {
  const known = new LRUCache<string, Known>({ max: MOST_KNOWN })
  /** Calls in flight whose tier was guessed, by model and project. */
  const guessed = new Map<string, Guessed>()

  return {
    of(call: Call): Tiers {
      const { operation, policy } = call
      // A call that requests a cheaper tier may be served and billed at the usual one.
      const asked = tierAsked(call)
      if (asked !== undefined) return { asked: ['default', asked], assumed: [] }
      if (!OPERATIONS[operation].requested.serviceTier) return USUAL
      const { defaultServiceTier } = policy.policy
      if (defaultServiceTier !== undefined) return { asked: DEFAULT, assumed: [defaultServiceTier] }
      const key = keyOf(call)
      const { urgent = false, usual = 0 } = known.get(key) ?? {}
      return { ...(urgent ? URGENT : usual >= ENOUGH ? USUAL : UNKNOWN), key }
    },
    /** Notes a call in flight that is held at a guessed tier. Returns the function to call once it is settled. */
    guess({ key = '' }: Tiers, surcharge: number): () => void {
      const some = guessed.get(key) ?? { count: 0, surcharge: 0, over: withResolvers<void>() }
      guessed.set(key, some)
      some.count += 1
      some.surcharge += surcharge
      return () => {
        some.count -= 1
        some.surcharge -= surcharge
        if (some.count > 0) return
        guessed.delete(key)
        some.over.resolve()
      }
    },
    /**
     * Returns the promise to await before a call refused at a guessed tier is retried: the end of this process's guessed
     * calls, if the call would fit with them at the usual price; or a delay, if only other processes have calls in flight.
     * Returns `undefined` if the refusal is final. `usual` and `left`: billionths of a dollar.
     */
    whenKnown(
      { key = '' }: Tiers,
      usual: number,
      left: number | undefined,
      tries: number,
    ): Promise<unknown> | undefined {
      const some = guessed.get(key)
      if (left === undefined) return undefined
      if (some !== undefined && usual <= left + some.surcharge) return some.over.promise
      return some === undefined && tries < MOMENTS ? sleep(MOMENT_MS * 2 ** tries) : undefined
    },
    /** Returns whether answers of the model have named a usual tier, and none a dearer one. */
    isUsual({ key = '' }: Tiers): boolean {
      const { urgent = true, usual = 0 } = known.get(key) ?? {}
      return !urgent && usual > 0
    },
    /** Notes the tier of an answer. An answer without a tier is billed at the usual one and counts as such. */
    learn({ key }: Tiers, { tier, tierUnreported, bill }: MeteredUsage): void {
      if (bill !== 'told' || key === undefined) return
      const isDear = tier !== undefined && !tierUnreported && DEAR.has(tier)
      const { urgent, usual } = known.get(key) ?? { urgent: false, usual: 0 }
      if (urgent || (usual >= ENOUGH && !isDear)) return
      known.set(key, { urgent: isDear, usual: usual + 1 })
    },
  }
}

const tierAsked = ({ body }: Call): string | undefined =>
  typeof body.service_tier === 'string' && body.service_tier !== 'auto' ? body.service_tier : undefined

/** Identifies model and project: a key belongs to one project, and a header may name another. */
function keyOf({ model, outbound: { url, headers } }: Call): string {
  const host = url.slice(0, url.indexOf('/', 8))
  return `${model} ${host} ${headers.get('authorization') ?? headers.get('api-key')} ${headers.get('openai-project')}`
}
