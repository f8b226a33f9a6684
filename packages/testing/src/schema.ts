import { digest } from './deterministic.ts'
import type { Json, JsonObject } from './json.ts'
import { list, object } from './json.ts'

/** A value that satisfies a JSON Schema of the kind structured outputs allow, its properties in the schema's order. */
export function example(
  schema: Json | undefined,
  seed: string,
  root: Json | undefined = schema,
  depth = 0,
): Json {
  const node = object(schema)
  if (depth > 32) return null
  if (typeof node.$ref === 'string') return example(resolve(node.$ref, root), seed, root, depth + 1)
  if ('const' in node) return node.const ?? null
  const choices = list(node.enum)
  const number = digest(seed).readUInt32BE(0)
  if (choices.length > 0) return choices[number % choices.length] ?? null
  const variants = list(node.anyOf ?? node.oneOf)
  if (variants.length > 0) return example(variants[0], seed, root, depth + 1)
  const type = Array.isArray(node.type) ? node.type.find((type) => type !== 'null') : node.type
  if (type === 'object' || node.properties) return objectExample(node, seed, root, depth)
  if (type === 'array') {
    const least = typeof node.minItems === 'number' ? node.minItems : 1
    return Array.from({ length: least }, (_, at) => example(node.items, `${seed}/${at}`, root, depth + 1))
  }
  if (type === 'boolean') return number % 2 === 0
  if (type === 'integer' || type === 'number') return numberExample(node, number)
  if (type === 'null') return null
  return stringExample(node, seed, number)
}

function objectExample(node: JsonObject, seed: string, root: Json | undefined, depth: number): JsonObject {
  const properties = Object.entries(object(node.properties))
  return Object.fromEntries(
    properties.map(([name, inner]) => [name, example(inner, `${seed}/${name}`, root, depth + 1)]),
  )
}

function numberExample(
  { minimum, maximum, exclusiveMinimum, multipleOf }: JsonObject,
  number: number,
): number {
  const step = typeof multipleOf === 'number' ? multipleOf : 1
  const low =
    typeof minimum === 'number' ? minimum : typeof exclusiveMinimum === 'number' ? exclusiveMinimum + step : 0
  const high = typeof maximum === 'number' ? maximum : low + 100
  return Math.min(high, Math.ceil(low / step) * step + (number % 10) * step)
}

function stringExample({ format, minLength }: JsonObject, seed: string, number: number): string {
  if (format === 'date-time') return '2026-01-15T10:00:00Z'
  if (format === 'date') return '2026-01-15'
  if (format === 'time') return '10:00:00Z'
  if (format === 'email') return `user${number % 100}@example.com`
  if (format === 'uuid') return '123e4567-e89b-42d3-a456-426614174000'
  const word = `${seed.split('/').at(-1)?.slice(-24) ?? 'value'} ${number % 1_000}`
  return word.padEnd(typeof minLength === 'number' ? minLength : 0, '.')
}

/** `#/$defs/Name` and `#`. */
function resolve(ref: string, root: Json | undefined): Json | undefined {
  const path = ref.replace(/^#\/?/, '').split('/').filter(Boolean)
  return path.reduce<Json | undefined>(
    (node, key) => object(node)[key.replaceAll('~1', '/').replaceAll('~0', '~')],
    root,
  )
}
