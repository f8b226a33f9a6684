import { errorText, isInstance } from '../../../util/error-text.ts'

/** Texts of one run; a new question waits for one run at most. */
const BATCH = 8

/** What a request gets, in the order of its texts. `tooLong`: a text that the model cannot read whole. */
export type Reply = { vectors: Float32Array } | { tooLong: string } | { error: string }

export type BatchParts = {
  /** @throws RangeError for a text that the model does not read whole */
  tokensOf: (text: string) => readonly number[]
  infer: (batch: readonly (readonly number[])[]) => Promise<Float32Array[]>
  dimensions: number
  reply: (id: number, reply: Reply) => void
}

/** Runs the texts of all requests in small batches, in the order of the requests. */
export function createBatches({ tokensOf, infer, dimensions, reply }: BatchParts) {
  const requests = new Map<number, { vectors: Float32Array; missing: number }>()
  let queue: { id: number; at: number; tokens: readonly number[] }[] = []
  let isRunning = false

  async function drain() {
    isRunning = true
    while (queue.length > 0) {
      await run(queue.splice(0, BATCH))
      // Lets messages in: a cancelled request, or one more question for the next run.
      await new Promise((resolve) => setImmediate(resolve))
    }
    isRunning = false
  }

  async function run(batch: typeof queue) {
    try {
      const vectors = await infer(batch.map(({ tokens }) => tokens))
      for (const [place, { id, at }] of batch.entries()) {
        const request = requests.get(id)
        const vector = vectors[place]
        if (request === undefined || vector === undefined) continue
        request.vectors.set(vector, at * dimensions)
        request.missing -= 1
        if (request.missing === 0 && requests.delete(id)) reply(id, { vectors: request.vectors })
      }
    } catch (error) {
      for (const id of new Set(batch.map((item) => item.id)))
        if (forget(id)) reply(id, { error: errorText(error) })
    }
  }

  function forget(id: number): boolean {
    queue = queue.filter((item) => item.id !== id)
    return requests.delete(id)
  }

  return {
    add(id: number, texts: readonly string[]) {
      try {
        const items = texts.map((text, at) => ({ id, at, tokens: tokensOf(text) }))
        requests.set(id, { vectors: new Float32Array(texts.length * dimensions), missing: texts.length })
        // Texts of equal length need no padding.
        queue.push(...items.sort((one, other) => one.tokens.length - other.tokens.length))
      } catch (error) {
        return reply(
          id,
          isInstance(error, RangeError) ? { tooLong: error.message } : { error: errorText(error) },
        )
      }
      if (!isRunning) void drain()
    },
    cancel: forget,
  }
}
