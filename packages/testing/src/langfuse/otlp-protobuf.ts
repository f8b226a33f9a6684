import type { Json, JsonObject } from '../core/json.ts'

/**
 * The messages of OTLP's trace export that Langfuse reads: name and kind of each field by its number. `[]` marks a repeated
 * field. Source: opentelemetry-proto 1.x, trace/v1/trace.proto and common/v1/common.proto.
 */
const MESSAGES: Record<string, Record<number, [name: string, kind: string]>> = {
  Export: { 1: ['resourceSpans', 'ResourceSpans[]'] },
  ResourceSpans: { 1: ['resource', 'Resource'], 2: ['scopeSpans', 'ScopeSpans[]'] },
  Resource: { 1: ['attributes', 'KeyValue[]'] },
  ScopeSpans: { 1: ['scope', 'Scope'], 2: ['spans', 'Span[]'] },
  Scope: { 1: ['name', 'text'], 2: ['version', 'text'], 3: ['attributes', 'KeyValue[]'] },
  Span: {
    1: ['traceId', 'hex'],
    2: ['spanId', 'hex'],
    4: ['parentSpanId', 'hex'],
    5: ['name', 'text'],
    6: ['kind', 'enum'],
    7: ['startTimeUnixNano', 'fixed64'],
    8: ['endTimeUnixNano', 'fixed64'],
    9: ['attributes', 'KeyValue[]'],
    15: ['status', 'Status'],
  },
  Status: { 2: ['message', 'text'], 3: ['code', 'enum'] },
  KeyValue: { 1: ['key', 'text'], 2: ['value', 'AnyValue'] },
  AnyValue: {
    1: ['stringValue', 'text'],
    2: ['boolValue', 'bool'],
    3: ['intValue', 'int64'],
    4: ['doubleValue', 'double'],
    5: ['arrayValue', 'ArrayValue'],
    6: ['kvlistValue', 'KeyValueList'],
  },
  ArrayValue: { 1: ['values', 'AnyValue[]'] },
  KeyValueList: { 1: ['values', 'KeyValue[]'] },
}

/**
 * Decodes a trace export in protobuf into the form of OTLP's JSON. Unknown fields are skipped.
 *
 * @throws RangeError where it is no protobuf, or is cut off
 */
export const exportFromProtobuf = (bytes: Buffer): JsonObject => message('Export', bytes)

function message(type: string, bytes: Buffer): JsonObject {
  const fields = MESSAGES[type] ?? {}
  const found: JsonObject = {}
  let at = 0
  while (at < bytes.length) {
    const tag = varint()
    const [name, kind] = fields[Number(tag >> 3n)] ?? []
    const value = wire(Number(tag & 7n))
    if (name === undefined || kind === undefined) continue
    const decoded = decode(kind.replace('[]', ''), value)
    const many = found[name]
    if (!kind.endsWith('[]')) found[name] = decoded
    else if (Array.isArray(many)) many.push(decoded)
    else found[name] = [decoded]
  }
  return found

  function wire(kind: number): bigint | Buffer {
    if (kind === 0) return varint()
    if (kind === 1) return take(8)
    if (kind === 2) return take(Number(varint()))
    if (kind === 5) return take(4)
    throw new RangeError(`no wire type ${kind}`)
  }

  function varint(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes.readUInt8(at++)
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return value
    }
    throw new RangeError('a varint is longer than 10 bytes')
  }

  function take(length: number): Buffer {
    if (at + length > bytes.length) throw new RangeError(`${type} ends too early`)
    at += length
    return bytes.subarray(at - length, at)
  }
}

/** Converts a value to OTLP's JSON, where 64-bit integers are strings. */
function decode(kind: string, value: bigint | Buffer): Json {
  if (typeof value === 'bigint') {
    if (kind === 'bool') return value !== 0n
    return kind === 'int64' ? String(BigInt.asIntN(64, value)) : Number(value)
  }
  if (kind === 'text') return value.toString()
  if (kind === 'hex') return value.toString('hex')
  if (kind === 'fixed64') return String(value.readBigUInt64LE())
  if (kind === 'double') return value.readDoubleLE()
  return message(kind, value)
}
