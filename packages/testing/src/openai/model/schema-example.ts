import type { Json, JsonObject } from '../../core/json.ts'
import { list, number, object, text } from '../../core/json.ts'
import { digest } from './deterministic.ts'

/** Beyond either, only what the schema requires is given: schemas may contain themselves. */
const DEEP = 6
const LARGE = 400
/** Beyond this, nothing at all: a schema that requires itself has no finite value. */
const BOTTOM = 24
const MANY = 1_000

type Place = { root: Json | undefined; seed: string; depth: number; budget: { left: number } }

/** A value that satisfies a JSON Schema of the kind structured outputs allow, its properties in the schema's order. */
export const example = (schema: Json | undefined, seed: string): Json =>
  exampleAt(schema, { root: schema, seed, depth: 0, budget: { left: LARGE } })

function exampleAt(schema: Json | undefined, place: Place): Json {
  const { root, seed, depth, budget } = place
  const node = merged(object(schema), root)
  budget.left -= 1
  if (depth > BOTTOM || budget.left < -LARGE) return null
  if ('const' in node) return node.const ?? null
  const choices = list(node.enum)
  const drawn = digest(seed).readUInt32BE(0)
  if (choices.length > 0) return choices[drawn % choices.length] ?? null
  const variants = list(node.anyOf ?? node.oneOf)
  if (variants.length > 0) return exampleAt(variant(variants, place), { ...place, depth: depth + 1 })
  const types = Array.isArray(node.type) ? node.type : [node.type]
  if (isScarce(place) && types.includes('null')) return null
  const type = types.find((type) => type !== 'null') ?? types[0]
  if (type === 'object' || (type === undefined && node.properties)) return objectOf(node, place)
  if (type === 'array' || (type === undefined && node.items)) return arrayOf(node, place)
  if (type === 'boolean') return drawn % 2 === 0
  if (type === 'integer' || type === 'number') return numberOf(node, type, drawn)
  if (type === 'null') return null
  return stringOf(node, seed, drawn)
}

const isScarce = ({ depth, budget }: Place) => depth > DEEP || budget.left < 0
const inside = (place: Place, name: string | number): Place => ({
  ...place,
  seed: `${place.seed.slice(-200)}/${name}`,
  depth: place.depth + 1,
})

/** The first one; where room is scarce, one that cannot go on forever. */
function variant(variants: Json[], place: Place): Json | undefined {
  const ends = (node: JsonObject) => /^(null|string|number|integer|boolean)$/.test(text(node.type))
  return (isScarce(place) ? variants.find((node) => ends(object(node))) : undefined) ?? variants[0]
}

function objectOf(node: JsonObject, place: Place): JsonObject {
  const required = new Set(list(node.required))
  const properties = Object.entries(object(node.properties)).filter(
    ([name]) => !isScarce(place) || required.has(name),
  )
  return Object.fromEntries(properties.map(([name, inner]) => [name, exampleAt(inner, inside(place, name))]))
}

function arrayOf(node: JsonObject, place: Place): Json[] {
  const first = list(node.prefixItems)
  const wanted = number(node.minItems) ?? (isScarce(place) ? 0 : Math.max(1, first.length))
  const length = Math.min(wanted, number(node.maxItems) ?? MANY, MANY)
  return Array.from({ length }, (_, at) => exampleAt(first[at] ?? node.items, inside(place, at)))
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

/** What `$ref` and `allOf` add to a node. */
function merged(node: JsonObject, root: Json | undefined): JsonObject {
  const referred = followed(node, root)
  if (!Array.isArray(referred.allOf)) return referred
  const { allOf, ...rest } = referred
  const parts = list(allOf).map((part) => followed(object(part), root))
  const whole: JsonObject = {}
  const properties: JsonObject = {}
  for (const part of [...parts, rest]) {
    Object.assign(properties, object(part.properties))
    Object.assign(whole, part, { required: [...list(whole.required), ...list(part.required)] })
  }
  return Object.keys(properties).length > 0 ? { ...whole, properties } : whole
}

function followed(node: JsonObject, root: Json | undefined): JsonObject {
  let found = node
  for (let hops = 0; typeof found.$ref === 'string' && hops < 16; hops += 1) {
    const { $ref, ...rest } = found
    found = { ...object(resolve(text($ref), root)), ...rest }
  }
  return found
}

/** `#/$defs/Name` and `#`. */
function resolve(ref: string, root: Json | undefined): Json | undefined {
  const path = ref.replace(/^#\/?/, '').split('/').filter(Boolean)
  return path.reduce<Json | undefined>(
    (node, key) => object(node)[key.replaceAll('~1', '/').replaceAll('~0', '~')],
    root,
  )
}
