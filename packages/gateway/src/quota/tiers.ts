import { setTimeout as sleep } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import type { Call } from '../core/call.ts'
import type { MeteredUsage } from '../core/usage.ts'

/** Of a model in a project: how many calls that asked for no tier named a usual one, and whether one named a dearer one. */
type Known = { usual: number; urgent: boolean }

/**
 * Tiers at which a call may be served: those it asked for, and those it did not. `guessed`: no answer has told yet.
 * `key`: what its answer tells of; absent where nothing is to be learned.
 */
export type Tiers = { asked: string[]; assumed: string[]; guessed?: true; key?: string }

/** Calls under way at a guess, what the guess adds to their holds, and when they all have ended. */
type Guessed = { count: number; surcharge: number; over: PromiseWithResolvers<void> }

/** 6.2 s in all. */
const MOMENTS = 5
const MOMENT_MS = 200
const MOST_KNOWN = 1_000
/** A project at the priority tier answers at the usual one where there is too much to do, but not so often from the start. */
const ENOUGH = 3
const DEFAULT = ['default']
export const USUAL: Tiers = { asked: DEFAULT, assumed: [] }
const URGENT: Tiers = { asked: DEFAULT, assumed: ['priority'] }
const UNKNOWN: Tiers = { ...URGENT, guessed: true }
const DEAR = new Set(['priority', 'fast', 'ultrafast'])

/**
 * The tier that upstream's project settings give to calls which ask for none or for `auto`. The policy's
 * `defaultServiceTier` decides; without it, the dearest is assumed until the first `ENOUGH` answers of a model have named
 * a usual one, and again for good once one has named a dearer one. Source: OpenAI API reference, `service_tier`.
 */
export function createProjectTiers() {
  const known = new LRUCache<string, Known>({ max: MOST_KNOWN })
  /** Calls under way whose tier was a guess. */
  const guessed = new Map<string, Guessed>()

  return {
    of(call: Call): Tiers {
      const { operation, policy: rules } = call
      // A cheaper tier may be answered, and billed, at the usual one.
      const asked = tierAsked(call)
      if (asked !== undefined) return { asked: ['default', asked], assumed: [] }
      if (operation === 'embeddings' || operation === 'completions') return USUAL
      const { defaultServiceTier } = rules.policy
      if (defaultServiceTier !== undefined) return { asked: DEFAULT, assumed: [defaultServiceTier] }
      const key = keyOf(call)
      const { urgent = false, usual = 0 } = known.get(key) ?? {}
      return { ...(urgent ? URGENT : usual >= ENOUGH ? USUAL : UNKNOWN), key }
    },
    /** A call is under way that is held at a guess, which is so much dearer; call what it returns once that is settled. */
    guess({ key = '' }: Tiers, surcharge: number): () => void {
      const some = guessed.get(key) ?? { count: 0, surcharge: 0, over: Promise.withResolvers<void>() }
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
     * What to wait for before a call that was refused at a guess is tried again: the answers under way here, if the
     * call would fit were they held at the usual price; or, where only other processes have calls under way, a moment.
     * `undefined`: it is refused. `left`: billionths of a dollar.
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
    /** Answers of the model have named a usual tier, and none a dearer one. */
    isUsual({ key = '' }: Tiers): boolean {
      const { urgent = true, usual = 0 } = known.get(key) ?? {}
      return !urgent && usual > 0
    },
    /** Notes the tier that an answer named; one that names none is billed at the usual one, and tells as much. */
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

/** Keys belong to projects; a header may name another one. */
function keyOf({ model, outbound: { url, headers } }: Call): string {
  const host = url.slice(0, url.indexOf('/', 8))
  return `${model} ${host} ${headers.get('authorization') ?? headers.get('api-key')} ${headers.get('openai-project')}`
}
