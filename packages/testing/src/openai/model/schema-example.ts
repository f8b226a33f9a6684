import { type Json, type JsonObject, list, number, object, text } from '../../core/json.ts'
import { digest } from './deterministic.ts'

/** Beyond this depth, or FULL_NODES nodes, only required properties are generated: a schema may refer to itself. */
const FULL_DEPTH = 6
const FULL_NODES = 400
/** Beyond this depth every value is null: a schema that requires itself has no finite value. */
const MAX_DEPTH = 24
/** Most items of an array. */
const MAX_ITEMS = 1_000

/** Where in the schema a value is generated. `budget.left`: nodes until only required properties are generated. */
type Position = { root: Json | undefined; seed: string; depth: number; budget: { left: number } }

/** Returns a value that satisfies a JSON Schema of structured outputs, with its properties in the schema's order. */
export const generateExample = (schema: Json | undefined, seed: string): Json =>
  exampleFor(schema, { root: schema, seed, depth: 0, budget: { left: FULL_NODES } })

function exampleFor(schema: Json | undefined, position: Position): Json {
  const { root, seed, depth, budget } = position
  const node = mergeNode(object(schema), root)
  budget.left -= 1
  if (depth > MAX_DEPTH || budget.left < -FULL_NODES) return null
  if ('const' in node) return node.const ?? null
  const choices = list(node.enum)
  const drawn = digest(seed).readUInt32BE(0)
  if (choices.length > 0) return choices[drawn % choices.length] ?? null
  const variants = list(node.anyOf ?? node.oneOf)
  if (variants.length > 0)
    return exampleFor(selectVariant(variants, position), { ...position, depth: depth + 1 })
  const types = Array.isArray(node.type) ? node.type : [node.type]
  if (isOverBudget(position) && types.includes('null')) return null
  const type = types.find((type) => type !== 'null') ?? types[0]
  if (type === 'object' || (type === undefined && node.properties)) return objectOf(node, position)
  if (type === 'array' || (type === undefined && node.items)) return arrayOf(node, position)
  if (type === 'boolean') return drawn % 2 === 0
  if (type === 'integer' || type === 'number') return numberOf(node, type, drawn)
  if (type === 'null') return null
  return stringOf(node, seed, drawn)
}

const isOverBudget = ({ depth, budget }: Position) => depth > FULL_DEPTH || budget.left < 0
const childPosition = (position: Position, name: string | number): Position => ({
  ...position,
  seed: `${position.seed.slice(-200)}/${name}`,
  depth: position.depth + 1,
})

/** Returns the first variant; over budget, the first scalar one, which ends a recursion. */
function selectVariant(variants: Json[], position: Position): Json | undefined {
  const isScalar = (node: JsonObject) => /^(null|string|number|integer|boolean)$/.test(text(node.type))
  return (isOverBudget(position) ? variants.find((node) => isScalar(object(node))) : undefined) ?? variants[0]
}

function objectOf(node: JsonObject, position: Position): JsonObject {
  const required = new Set(list(node.required))
  const properties = Object.entries(object(node.properties)).filter(
    ([name]) => !isOverBudget(position) || required.has(name),
  )
  return Object.fromEntries(
    properties.map(([name, inner]) => [name, exampleFor(inner, childPosition(position, name))]),
  )
}

function arrayOf(node: JsonObject, position: Position): Json[] {
  const first = list(node.prefixItems)
  const wanted = number(node.minItems) ?? (isOverBudget(position) ? 0 : Math.max(1, first.length))
  const length = Math.min(wanted, number(node.maxItems) ?? MAX_ITEMS, MAX_ITEMS)
  return Array.from({ length }, (_, at) => exampleFor(first[at] ?? node.items, childPosition(position, at)))
}

function numberOf(node: JsonObject, type: string, drawn: number): number {
  const step = positiveOr(node.multipleOf, type === 'integer' ? 1 : undefined)
  const low = Math.max(number(node.minimum) ?? -Infinity, number(node.exclusiveMinimum) ?? -Infinity)
  const high = Math.min(number(node.maximum) ?? Infinity, number(node.exclusiveMaximum) ?? Infinity)
  const from = Number.isFinite(low) ? low : Math.min(0, high - 10)
  const to = Number.isFinite(high) ? high : from + 100
  const share = ((drawn % 97) + 1) / 99
  if (step === undefined)
    return Number.isInteger(from) && to - from > 2
      ? Math.ceil(from + share * (to - from - 1))
      : from + share * (to - from)
  const least = Math.ceil(from / step) + (node.exclusiveMinimum === from && from % step === 0 ? 1 : 0)
  const most = Math.floor(to / step) - (node.exclusiveMaximum === to && to % step === 0 ? 1 : 0)
  return (least + Math.floor(share * Math.max(0, most - least + 1))) * step
}

const positiveOr = (value: Json | undefined, otherwise: number | undefined) => {
  const given = number(value)
  return given !== undefined && given > 0 ? given : otherwise
}

const FORMATS: Record<string, ((drawn: number) => string) | undefined> = {
  'date-time': () => '2026-01-15T10:00:00Z',
  date: () => '2026-01-15',
  time: () => '10:00:00Z',
  duration: (drawn) => `PT${(drawn % 59) + 1}M`,
  email: (drawn) => `user${drawn % 100}@example.com`,
  hostname: (drawn) => `host${drawn % 100}.example.com`,
  ipv4: (drawn) => `192.0.2.${drawn % 255}`,
  ipv6: (drawn) => `2001:db8::${(drawn % 65_535).toString(16)}`,
  uuid: () => '123e4567-e89b-42d3-a456-426614174000',
  uri: (drawn) => `https://example.com/${drawn % 100}`,
}

function stringOf({ format, minLength, maxLength }: JsonObject, seed: string, drawn: number): string {
  const known = Object.hasOwn(FORMATS, text(format)) ? FORMATS[text(format)] : undefined
  if (known) return known(drawn)
  const word = `${seed.split('/').at(-1)?.slice(-24) ?? 'value'} ${drawn % 1_000}`
  return word.padEnd(Math.min(number(minLength) ?? 0, 100_000), '.').slice(0, number(maxLength) ?? undefined)
}

/** Resolves `$ref` and `allOf` into one node. */
function mergeNode(node: JsonObject, root: Json | undefined): JsonObject {
  const resolved = followRef(node, root)
  if (!Array.isArray(resolved.allOf)) return resolved
  const { allOf, ...rest } = resolved
  const parts = list(allOf).map((part) => followRef(object(part), root))
  const whole: JsonObject = {}
  const properties: JsonObject = {}
  for (const part of [...parts, rest]) {
    Object.assign(properties, object(part.properties))
    Object.assign(whole, part, { required: [...list(whole.required), ...list(part.required)] })
  }
  return Object.keys(properties).length > 0 ? { ...whole, properties } : whole
}

function followRef(node: JsonObject, root: Json | undefined): JsonObject {
  let found = node
  for (let hops = 0; typeof found.$ref === 'string' && hops < 16; hops += 1) {
    const { $ref, ...rest } = found
    found = { ...object(resolve(text($ref), root)), ...rest }
  }
  return found
}

/** Resolves a local reference such as `#/$defs/Name` or `#`. */
function resolve(ref: string, root: Json | undefined): Json | undefined {
  const path = ref.replace(/^#\/?/, '').split('/').filter(Boolean)
  return path.reduce<Json | undefined>(
    (node, key) => object(node)[key.replaceAll('~1', '/').replaceAll('~0', '~')],
    root,
  )
}
