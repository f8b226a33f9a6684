import { vector } from './deterministic.ts'
import { type JsonObject, list, text } from './json.ts'
import type { Counter } from './usage.ts'

/** POST /v1/embeddings: unit vectors drawn from the text, as floats or base64. */
export function embeddings(body: JsonObject, count: Counter): JsonObject {
  const { input, encoding_format, dimensions } = body
  const model = text(body.model)
  const given = list(input)
  const isOne = typeof input === 'string' || given.every((item) => typeof item === 'number')
  const inputs = (isOne ? [input ?? ''] : given).map((item) =>
    typeof item === 'string' ? item : JSON.stringify(item),
  )
  const size = typeof dimensions === 'number' ? dimensions : model.includes('large') ? 3_072 : 1_536
  const tokens = inputs.reduce((sum, input) => sum + count(input), 0)
  return {
    object: 'list',
    data: inputs.map((input, index) => {
      const values = vector(`${model}${input}`, size)
      const embedding = encoding_format === 'base64' ? base64(values) : values
      return { object: 'embedding', index, embedding }
    }),
    model,
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  }
}

const base64 = (values: number[]) => Buffer.from(new Float32Array(values).buffer).toString('base64')
