import { normalised } from '../embedder.ts'
import type { Runtime, Session, Tensor } from './runtime.ts'

/** How vectors are made from a model's output. */
export type Shape = { dimensions: number; pooling: 'mean' | 'cls'; cutTo: number }

/** Runs one batch of tokenised texts and returns their vectors, of length 1 and `cutTo` dimensions. */
export async function infer(
  { runtime, session }: { runtime: Runtime; session: Session },
  batch: readonly (readonly number[])[],
  shape: Shape,
): Promise<Float32Array[]> {
  const longest = Math.max(...batch.map((ids) => ids.length))
  const dims = [batch.length, longest]
  const ids = new BigInt64Array(batch.length * longest)
  const mask = new BigInt64Array(ids.length)
  for (const [row, tokens] of batch.entries())
    for (const [at, token] of tokens.entries()) {
      ids[row * longest + at] = BigInt(token)
      mask[row * longest + at] = 1n
    }
  const known: Record<string, BigInt64Array> = {
    input_ids: ids,
    attention_mask: mask,
    token_type_ids: new BigInt64Array(ids.length),
  }
  const inputs: Record<string, unknown> = {}
  for (const name of session.inputNames) {
    const data = known[name]
    if (data === undefined) throw new Error(`the model needs an input ${name}, which is unknown here`)
    inputs[name] = new runtime.Tensor('int64', data, dims)
  }
  const outputs = await session.run(inputs)
  const output = outputs.last_hidden_state ?? outputs[session.outputNames[0] ?? '']
  if (output?.dims.join() !== [...dims, shape.dimensions].join())
    throw new Error(
      `the model's output has the dimensions ${output?.dims.join(' × ')}, not ${shape.dimensions}`,
    )
  return batch.map((tokens, row) => vectorOf(output, row * longest, tokens.length, shape))
}

/** Padding is not read: it would move the vector of a text with the length of its neighbours. */
function vectorOf(
  { data }: Tensor,
  first: number,
  tokens: number,
  { dimensions, pooling, cutTo }: Shape,
): Float32Array {
  const sum = new Float64Array(cutTo)
  const read = pooling === 'cls' ? 1 : tokens
  for (let token = first; token < first + read; token += 1)
    for (let at = 0; at < cutTo; at += 1) sum[at] = (sum[at] ?? 0) + (data[token * dimensions + at] ?? 0)
  return normalised(sum)
}
