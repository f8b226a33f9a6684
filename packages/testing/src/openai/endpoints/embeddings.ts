import { type Json, type JsonObject, list, number, text } from '../../core/json.ts'
import { vector } from '../model/deterministic.ts'
import type { Rendered, Voice } from './chat.ts'
import { sizeOf } from './completions.ts'

/** POST /v1/embeddings: unit vectors drawn from the text, as floats or as base64 of little-endian 32-bit floats. */
export function embeddings(body: JsonObject, { tokens, answering }: Voice): Rendered['whole'] {
  const model = text(body.model)
  const inputs = inputsOf(body.input)
  const size = number(body.dimensions) ?? (model.includes('large') ? 3_072 : 1_536)
  const used = inputs.reduce<number>((sum, input) => sum + sizeOf(input, tokens), 0)
  return {
    object: 'list',
    data: inputs.map((input, index) => {
      const values = vector(`${model}${typeof input === 'string' ? input : JSON.stringify(input)}`, size)
      const embedding = body.encoding_format === 'base64' ? base64(values) : values
      return { object: 'embedding', index, embedding }
    }),
    model: answering,
    usage: { prompt_tokens: used, total_tokens: used },
  }
}

/** A text or a list of tokens is one input; a list of either is several. */
function inputsOf(input: Json | undefined): Json[] {
  const given = list(input)
  return given.length > 0 && given.some((item) => typeof item !== 'number') ? given : [input ?? '']
}

const base64 = (values: number[]) => Buffer.from(new Float32Array(values).buffer).toString('base64')
