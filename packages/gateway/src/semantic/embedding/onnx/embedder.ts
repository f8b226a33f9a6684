import { resolveOptional } from '../../../util/load-package.ts'
import type { Calibration, Embedder } from '../embedder.ts'
import { digestsOf, embedderId, filesIn } from './files.ts'
import { download, type HubOptions } from './hub.ts'
import { MINILM } from './minilm.ts'
import type { OnnxModel } from './model.ts'
import type { Packages } from './runtime.ts'
import { createThread } from './thread.ts'

export type { Calibration, Embedder } from '../embedder.ts'
export type { HubOptions } from './hub.ts'
export { MINILM } from './minilm.ts'
export type { HubFile, OnnxModel } from './model.ts'

export type OnnxEmbedderOptions = {
  /** @default MINILM, all-MiniLM-L6-v2 */
  model?: OnnxModel
  /**
   * Folder with `tokenizer.json` and the weights, in the layout of Hugging Face: `onnx/model_quantized.onnx` or
   * `onnx/model.onnx`. @default the model is downloaded from its hub with the first text
   */
  folder?: string
  /** Name of the weights in that folder. @default int8 if there, else float32 */
  weights?: string
  /** Length of vectors: the model's own, or one of its `shorter` ones. @default the model's */
  dimensions?: number
  /** Processor cores for one text or batch. @default 1 */
  threads?: number
  /** Thresholds measured on the program's own questions. @default the model's, at its full length */
  calibration?: Calibration
  hub?: HubOptions
  /** Folder from which the packages are resolved. @default this package's, or that of the bundle that holds it */
  packagesFrom?: string
}

/** An embedder that holds a thread and a model. */
export type OnnxEmbedder = Embedder & {
  /** Ends the thread and frees the model's memory. Pending and later requests are rejected. */
  close: () => Promise<void>
}

const TOKENIZERS = '@huggingface/tokenizers'
const RUNTIMES = ['onnxruntime-node', 'onnxruntime-web']
const INSTALL = `npm install ${TOKENIZERS}@0.2.0 onnxruntime-node@1.30.0`
/** More than any token has on average; longer texts are not even tokenised. */
const CHARACTERS_PER_TOKEN = 16

/** The optional packages of the embedder are not installed. */
export class OnnxEmbedderMissing extends Error {
  override readonly name = 'OnnxEmbedderMissing'

  constructor(cause: unknown) {
    super(
      `the ONNX embedder needs two packages that are not installed: ${INSTALL} (onnxruntime-web@1.30.0 instead where native code does not run, five times slower)`,
      { cause },
    )
  }
}

/**
 * Creates an embedder with a small modern model on this machine: no key, no cost per question, nothing leaves the
 * machine. Loads packages and model with the first text, in a thread of its own.
 *
 * @throws Error if the folder lacks a file, or the model has no vectors of this length.
 */
export function createOnnxEmbedder(options: OnnxEmbedderOptions = {}): OnnxEmbedder {
  const { model = MINILM, dimensions = model.dimensions, threads = 1, packagesFrom } = options
  if (dimensions !== model.dimensions && !model.shorter?.includes(dimensions))
    throw new RangeError(`${model.name} has no vectors of ${dimensions} dimensions`)
  const { calibration = dimensions === model.dimensions ? model.calibration : undefined } = options
  const source = sourceOf(model, options)
  const maxCharacters = model.maxTokens * CHARACTERS_PER_TOKEN
  let isClosed = false
  const thread = createThread(async () => ({
    packages: packagesAt(packagesFrom),
    files: await source.files(),
    threads,
    maxTokens: model.maxTokens,
    prefix: model.prefix ?? '',
    shape: { dimensions: model.dimensions, pooling: model.pooling, cutTo: dimensions },
    check: model.check,
  }))
  return {
    id: embedderId(model, dimensions, source.digests),
    dimensions,
    ...(calibration && { calibration }),
    async embed(texts, signal) {
      signal?.throwIfAborted()
      if (isClosed) throw new Error('the embedder is closed')
      for (const { length } of texts)
        if (length > maxCharacters)
          throw new RangeError(
            `a text of ${length} characters is too long for ${model.name} (${maxCharacters})`,
          )
      if (texts.length === 0) return []
      const vectors = await thread.embed(texts, signal)
      return texts.map((_, at) => vectors.slice(at * dimensions, (at + 1) * dimensions))
    },
    async close() {
      isClosed = true
      await thread.close()
    },
  }
}

function sourceOf(model: OnnxModel, { folder, weights, hub = {} }: OnnxEmbedderOptions) {
  if (folder !== undefined) {
    const files = filesIn(folder, weights)
    return { files: async () => files, digests: digestsOf(files) }
  }
  const published = model.hub
  if (published === undefined) throw new Error(`${model.name} is on no hub: name its folder`)
  return {
    files: () => download(published, hub),
    digests: { model: published.model.sha256, tokenizer: published.tokenizer.sha256 },
  }
}

/** @throws OnnxEmbedderMissing if the tokenizer, or every runtime, is not installed. */
function packagesAt(from: string | undefined): Packages {
  const runtimes: string[] = []
  let missing: unknown
  for (const name of RUNTIMES)
    try {
      runtimes.push(resolveOptional(name, from))
    } catch (error) {
      missing = error
    }
  if (runtimes.length === 0) throw new OnnxEmbedderMissing(missing)
  try {
    return { tokenizers: resolveOptional(TOKENIZERS, from), runtimes }
  } catch (error) {
    throw new OnnxEmbedderMissing(error)
  }
}
