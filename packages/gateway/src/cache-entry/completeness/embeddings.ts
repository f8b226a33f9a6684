import { isSet, type Json, type JsonObject, list, object } from '../../core/json.ts'
import { promptCount } from '../../operations/prompt-count.ts'
import { areComplete } from './count.ts'

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/
const FLOAT_BYTES = 4

/** Whether there is one vector per input, all of the same length, and of the requested length if one was set. */
export function hasAllVectors(body: JsonObject, { data }: JsonObject): boolean {
  const { input, dimensions, encoding_format } = body
  const items = list(data)
  if (!areComplete(items, promptCount(input))) return false
  const lengths = new Set(items.map((item) => lengthOf(object(item).embedding, encoding_format === 'base64')))
  const [length] = lengths
  if (lengths.size !== 1 || length === undefined || length === 0) return false
  return !isSet(dimensions) || length === dimensions
}

/** Returns the dimensions of a vector; `undefined` for anything but numbers. Some upstreams do not support base64. */
function lengthOf(vector: Json | undefined, mayBeBase64: boolean): number | undefined {
  if (Array.isArray(vector)) return vector.every(Number.isFinite) ? vector.length : undefined
  if (!mayBeBase64 || typeof vector !== 'string' || !BASE64.test(vector)) return undefined
  const bytes = Buffer.from(vector, 'base64')
  if (bytes.byteLength % FLOAT_BYTES !== 0) return undefined
  for (let at = 0; at < bytes.byteLength; at += FLOAT_BYTES)
    if (!Number.isFinite(bytes.readFloatLE(at))) return undefined
  return bytes.byteLength / FLOAT_BYTES
}
