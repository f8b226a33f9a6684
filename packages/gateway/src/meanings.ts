import type { Stats } from './account/stats.ts'
import type { Call } from './call.ts'
import type { CachePolicy, Policy } from './policy/policy.ts'
import type { Link } from './redis/link.ts'
import type { Say } from './say.ts'
import { createEngineStore } from './semantic/engine/store.ts'
import { createLearner } from './semantic/learn.ts'
import type { SemanticParts } from './semantic/stage.ts'
import { createAdmin } from './semantic/store/admin.ts'
import { createMeaningStore } from './semantic/store/meanings.ts'
import type { SemanticStore } from './semantic/store/port.ts'
import { createShelf } from './semantic/store/shelf.ts'
import { createTally, semanticStatsOf } from './semantic/tally.ts'
import { createSharedLabels } from './semantic/threshold/shared.ts'
import type { Settings } from './settings.ts'

/** Whether any agent of a policy is asked by meaning: where none is, nothing of this is set up. */
export function asksByMeaning({ cache, teams = {}, agents = {} }: Policy): boolean {
  const layers = [
    cache,
    ...Object.values(teams).map(({ cache }) => cache),
    ...Object.values(agents).map(({ cache }) => cache),
  ]
  return layers.some((layer) => modeOf(layer || {}) !== 'off')
}

/** The semantic cache of one gateway. */
export function createMeanings({ semantic, cache, key }: Settings, link: Link | undefined, say: Say) {
  const { secret, maxBytes, index, ...rest } = semantic
  const dims = rest.embedder?.dimensions ?? rest.dimensions
  const signer = secret ?? key
  const store = storeOf()

  function storeOf(): SemanticStore {
    const name = index === 'flat' ? index : index.name
    const onTrouble = (error: unknown) => {
      const words = error instanceof Error ? error.message : String(error)
      say('semantic index', `semantic cache, ${name}: ${words}`)
    }
    const admin = link && createAdmin(link, signer)
    if (index !== 'flat' && index.type === 'engine') {
      const shelves = index.open({ link, dims, sharedBytes: cache.sharedBytes })
      return createEngineStore({ shelves, dims, secret: signer, inRedis: admin, onTrouble })
    }
    const shared = link && admin && { shelf: createShelf(link, cache.sharedBytes, () => undefined), admin }
    const graph = index === 'flat' ? undefined : index
    return createMeaningStore({ shared, dims, maxBytes, graph, onTrouble })
  }

  const underWay = new Set<Promise<void>>()
  const track = (work: Promise<void>) => {
    underWay.add(work)
    void work.finally(() => underWay.delete(work))
  }
  const learner = createLearner(link && createSharedLabels(link), track)
  const tally = createTally()
  const secretOf = ({ outgoing }: Call) => secret ?? key ?? outgoing.headers.get('authorization') ?? undefined
  const parts: SemanticParts = { ...rest, store, learner, secretOf, track }
  return {
    parts,
    admin: tally.counted(store.admin),
    close: store.close,
    count: tally.count,
    async settled() {
      // What goes on may set more going.
      while (underWay.size > 0) await Promise.all(underWay)
      await store.settled()
    },
    stats: (): Pick<Stats, 'semantic'> => ({
      semantic: Object.fromEntries(
        [...tally.agents].map(([agent, counts]) => [agent, semanticStatsOf(counts, learner.known(agent))]),
      ),
    }),
  }
}

const modeOf = ({ semantic }: CachePolicy) => (semantic ? semantic.mode : undefined) ?? 'off'
