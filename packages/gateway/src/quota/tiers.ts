import { LRUCache } from 'lru-cache'
import type { Metered } from '../account/meter.ts'
import type { Call } from '../call.ts'

/** `urgent`: at least one call that asked for no tier was answered at a dearer one. */
type Project = { urgent: boolean }

/** Tiers at which a call may be served: those it asked for, and those it did not. */
export type Tiers = { asked: string[]; assumed: string[] }

const MOST_PROJECTS = 1_000
const DEFAULT = ['default']
const USUAL: Tiers = { asked: DEFAULT, assumed: [] }
const UNKNOWN: Tiers = { asked: DEFAULT, assumed: ['priority'] }
const DEAR = new Set(['priority', 'fast', 'ultrafast'])

export type ProjectTiers = ReturnType<typeof createProjectTiers>

/**
 * The tier that upstream's project settings give to calls which ask for none or for `auto`. The policy's
 * `defaultServiceTier` decides; without it, the dearest is assumed until an answer has named another, and again for good
 * once an answer has named it. Source: OpenAI API reference, `service_tier`.
 */
export function createProjectTiers() {
  const projects = new LRUCache<string, Project>({ max: MOST_PROJECTS })

  return {
    of(call: Call): Tiers {
      const { operation, body, rules } = call
      // A cheaper tier may be answered, and billed, at the usual one.
      if (asksFor(call)) return { asked: ['default', String(body.service_tier)], assumed: [] }
      if (operation === 'embeddings' || operation === 'completions') return USUAL
      const { defaultServiceTier } = rules.policy
      if (defaultServiceTier !== undefined) return { asked: DEFAULT, assumed: [defaultServiceTier] }
      return projects.get(projectOf(call))?.urgent === false ? USUAL : UNKNOWN
    },
    /** Notes the tier that an answer named. */
    learn(call: Call, { tier, tierUntold, bill }: Metered): void {
      if (bill !== 'told' || tier === undefined || tierUntold || asksFor(call)) return
      const key = projectOf(call)
      const known = projects.get(key)
      const urgent = known?.urgent === true || DEAR.has(tier)
      if (known?.urgent !== urgent) projects.set(key, { urgent })
    },
  }
}

const asksFor = ({ body }: Call) => typeof body.service_tier === 'string' && body.service_tier !== 'auto'

/** Keys belong to projects; a header may name another one. */
function projectOf({ outgoing: { url, headers } }: Call): string {
  const host = url.slice(0, url.indexOf('/', 8))
  return `${host} ${headers.get('authorization') ?? headers.get('api-key')} ${headers.get('openai-project')}`
}
