import type { RenderContext, RenderedAnswer } from '../../core/answer.ts'
import { type JsonObject, number, text } from '../../core/json.ts'
import { seededVector } from '../model/deterministic.ts'
import { inputsOf, inputTokens } from './completions.ts'

/**
 * Renders the answer to POST /v1/embeddings: unit vectors drawn from the text, as floats or as base64 of little-endian
 * 32-bit floats.
 */
export function renderEmbeddings(
  body: JsonObject,
  { tokens, answeringModel }: RenderContext,
): RenderedAnswer['whole'] {
  const model = text(body.model)
  const inputs = inputsOf(body.input)
  const size = number(body.dimensions) ?? (model.includes('large') ? 3_072 : 1_536)
  const used = inputs.reduce<number>((sum, input) => sum + inputTokens(input, tokens), 0)
  return {
    object: 'list',
    data: inputs.map((input, index) => {
      const values = seededVector(
        `${model}${typeof input === 'string' ? input : JSON.stringify(input)}`,
        size,
      )
      const embedding = body.encoding_format === 'base64' ? base64(values) : values
      return { object: 'embedding', index, embedding }
    }),
    model: answeringModel,
    usage: { prompt_tokens: used, total_tokens: used },
  }
}

const base64 = (values: number[]) => Buffer.from(new Float32Array(values).buffer).toString('base64')
