import { parentPort, workerData } from 'node:worker_threads'
import { errorText } from '../../../util/error-text.ts'
import { createBatches, type Reply } from './batches.ts'
import { infer, type Shape } from './infer.ts'
import type { OnnxModel } from './model.ts'
import { createTokenizer, openSession, type Packages } from './runtime.ts'

/** What the thread is started with. */
export type WorkerInput = {
  packages: Packages
  files: { model: string; tokenizer: string }
  threads: number
  maxTokens: number
  prefix: string
  shape: Shape
  check: OnnxModel['check']
}
export type ToWorker = { id: number; texts: readonly string[] } | { cancel: number }
export type FromWorker = { ready: true } | { failed: string } | { id: number; reply: Reply }

/** Int8 weights of different makers differ by less in a cosine; other models, or another pooling, by more. */
const CHECK_TOLERANCE = 0.05
const NONE = new Float32Array()

const port = parentPort
const send = (message: FromWorker, transfer: ArrayBuffer[] = []) => port?.postMessage(message, transfer)

start(workerData as WorkerInput).catch((error) => {
  send({ failed: errorText(error) })
  port?.close()
})

async function start({ packages, files, threads, maxTokens, prefix, shape, check }: WorkerInput) {
  const { encode, isSpecial } = createTokenizer(packages.tokenizers, files.tokenizer)
  const opened = await openSession(packages.runtimes, files.model, threads)

  /** @throws RangeError for a text that the model does not read whole: another one would get the same vector. */
  function tokensOf(text: string): number[] {
    const ids = encode(prefix + text)
    if (ids.length > maxTokens)
      throw new RangeError(`the text has more tokens (${ids.length}) than the model reads (${maxTokens})`)
    if (ids.slice(1, -1).some(isSpecial))
      throw new RangeError('a text has a sign that the model does not know')
    return ids
  }

  if (check !== undefined) {
    const whole = { ...shape, cutTo: shape.dimensions }
    const [one = NONE, other = NONE] = await infer(opened, check.texts.map(tokensOf), whole)
    const cosine = one.reduce((sum, value, at) => sum + value * (other[at] ?? 0), 0)
    if (!(Math.abs(cosine - check.cosine) < CHECK_TOLERANCE))
      throw new Error(
        `these are the weights of another model: a cosine is ${cosine.toFixed(3)}, not ${check.cosine}`,
      )
  }

  const batches = createBatches({
    tokensOf,
    infer: (batch) => infer(opened, batch, shape),
    dimensions: shape.cutTo,
    reply: (id, reply) =>
      send({ id, reply }, 'vectors' in reply ? [reply.vectors.buffer as ArrayBuffer] : []),
  })
  port?.on('message', (message: ToWorker) => {
    if ('cancel' in message) batches.cancel(message.cancel)
    else batches.add(message.id, message.texts)
  })
  send({ ready: true })
}
