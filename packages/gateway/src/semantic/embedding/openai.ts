import type { Call, Handler } from '../../core/call.ts'
import { isObject, type JsonObject, list, text } from '../../core/json.ts'
import type { Reply } from '../../core/reply.ts'
import { derivedCall } from './derived-call.ts'
import { normalised } from './embedder.ts'

type EmbeddingRequest = {
  model: string
  dimensions: number
  signal: AbortSignal
  /** Called with the reply, which has its cost. */
  bill: (reply: Reply) => void
}

/**
 * Requests a question's vector from upstream on behalf of the caller's call. It runs through the whole pipeline:
 * cached exactly, counted against the team's limits, priced and recorded as a call of its own. It never queues.
 * @throws if it was refused or failed, or if the vector has another length.
 */
export async function embedThrough(
  pipeline: Handler,
  call: Call,
  question: string,
  { model, dimensions, signal, bill }: EmbeddingRequest,
): Promise<Float32Array> {
  const body = { model, input: question, dimensions, encoding_format: 'base64' }
  const reply = await pipeline(derivedCall(call, { operation: 'embeddings', body, signal }))
  bill(reply)
  const answer = await jsonOf(reply, signal)
  const [first] = list(answer.data)
  return normalised(vectorOf(isObject(first) ? text(first.embedding) : '', dimensions))
}

/**
 * Parses a successful answer.
 * @throws if the status is an error, or the body is not a JSON object.
 */
export async function jsonOf(reply: Reply, signal: AbortSignal): Promise<JsonObject> {
  const response = await reply.recording.open({ stream: false, includeUsage: false, signal }, () => undefined)
  const json: unknown = await response.json()
  if (!response.ok || !isObject(json)) throw new Error(`answered with status ${response.status}`)
  return json
}

/**
 * Decodes little-endian floats, as `encoding_format: 'base64'` returns them.
 * @throws RangeError for another number of them.
 */
function vectorOf(base64: string, dimensions: number): Float32Array {
  const bytes = Buffer.from(base64, 'base64')
  if (bytes.length !== dimensions * 4)
    throw new RangeError(`${bytes.length / 4} dimensions, not ${dimensions}`)
  const vector = new Float32Array(dimensions)
  for (let at = 0; at < dimensions; at += 1) vector[at] = bytes.readFloatLE(at * 4)
  return vector
}
