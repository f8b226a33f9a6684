import type { Calibration } from '../embedder.ts'

/** A file of a model on a hub, with its digest: other bytes are refused. */
export type HubFile = { path: string; sha256: string; bytes: number }

/** A sentence-embedding model in ONNX format, and how a vector is made from its output. */
export type OnnxModel = {
  /** Name and version of the weights. */
  name: string
  dimensions: number
  /** Most tokens that the model was trained to read, with the two that frame a text. */
  maxTokens: number
  /** `mean` averages the vectors of all tokens, `cls` takes that of the first. The model's card says which. */
  pooling: 'mean' | 'cls'
  /** Text that the model's card puts before each question. @default none */
  prefix?: string
  /** Lengths to which a vector of this model may be cut (Matryoshka). @default none */
  shorter?: readonly number[]
  /** The cosine of two texts, by which other weights are recognised when the model is loaded. @default unchecked */
  check?: { texts: readonly [string, string]; cosine: number }
  /** Thresholds measured with this model at full length. @default unknown */
  calibration?: Calibration
  /** Where the files can be downloaded. @default nowhere: a folder is needed */
  hub?: { repository: string; revision: string; model: HubFile; tokenizer: HubFile }
}
