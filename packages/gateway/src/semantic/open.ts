import type { Call } from '../call.ts'
import type { Link } from '../redis/link.ts'
import type { SemanticParts } from './answering.ts'
import { createLearner } from './learn.ts'
import type { SemanticSettings } from './options.ts'
import { createAdmin } from './store/admin.ts'
import { createMeaningStore } from './store/meanings.ts'
import { createShelf } from './store/shelf.ts'
import { createSharedLabels } from './threshold/shared.ts'

export type Semantic = ReturnType<typeof openSemantic>

type Ground = {
  settings: SemanticSettings
  /** Team key of the gateway. */
  key: string | undefined
  sharedBytes: number
  link: Link | undefined
  /** Told of what goes on when the caller has its answer. */
  track: (work: Promise<void>) => void
}

/** Store and learner of one gateway. Everything heavy hangs on this file, which is imported when it is needed. */
export function openSemantic({ settings, key, sharedBytes, link, track }: Ground) {
  const { secret, maxBytes, ...rest } = settings
  const { embedder, model, dimensions } = rest
  const shelf = link && createShelf(link, sharedBytes, () => undefined)
  const remote = link && createAdmin(link, secret ?? key)
  const store = createMeaningStore(shelf, remote, embedder?.dimensions ?? dimensions, maxBytes)
  const shared = link && createSharedLabels(link, embedder?.id ?? `${model}/${dimensions}`)
  const learner = createLearner({ shared, calibration: embedder?.calibration, track })
  const secretOf = ({ outgoing }: Call) => secret ?? key ?? outgoing.headers.get('authorization') ?? undefined
  const parts: SemanticParts = { ...rest, store, learner, secretOf, track }
  return { parts, store, learner }
}
