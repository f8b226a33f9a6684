import { readFile } from 'node:fs/promises'
import type { ErrorObject } from 'ajv'
import { type Json, type JsonObject, list, object, text } from '../core/json.ts'

/** Says what the API's own description finds wrong with a value, or nothing. */
export type Described = (schema: string, value: Json) => string[]

/**
 * Reads an OpenAPI 3.0 file and checks values against its schemas. A schema whose alternatives name a `type` each is
 * checked by the one that is meant, so that complaints are about fields and not about all the others.
 */
export async function describedBy(path: string): Promise<Described> {
  // Loaded here alone: most tests have no description to check against.
  const [{ parse }, { Ajv }, { default: addFormats }] = await Promise.all([
    import('yaml'),
    import('ajv'),
    import('ajv-formats'),
  ])
  const document: Json = parse(await readFile(path, 'utf8'), {
    // Langfuse's own file uses one anchor hundreds of times, which looks like an attack.
    maxAliasCount: -1,
  })
  const schemas = object(object(object(document).components).schemas)
  const ajv = new Ajv({ strict: false, allErrors: true, allowUnionTypes: true })
  ;(typeof addFormats === 'function' ? addFormats : addFormats.default)(ajv)
  ajv.addSchema({ $id: 'langfuse', components: { schemas: translated(corrected(schemas)) as JsonObject } })

  return (schema, value) => {
    if (!Object.hasOwn(schemas, schema)) throw new Error(`the API description has no schema ${schema}`)
    const branch = branchFor(object(schemas[schema]), value)
    const $ref = `langfuse#/components/schemas/${schema}${branch}`
    const validate = ajv.getSchema($ref) ?? ajv.compile({ $ref })
    if (validate(value)) return []
    return complaintsOf(validate.errors ?? [])
  }
}

/** One for each place, and none for what follows from another inside it. */
function complaintsOf(errors: ErrorObject[]): string[] {
  const places = new Map<string, Set<string>>()
  for (const { keyword, instancePath, message, params } of errors) {
    if (keyword === 'anyOf' || params.type === 'null') continue
    const said = places.get(instancePath) ?? new Set()
    places.set(instancePath, said.add(message ?? keyword))
  }
  return [...places].map(([path, said]) =>
    `${path.slice(1).replaceAll('/', '.')} ${[...said].join(' or ')}`.trim(),
  )
}

/** 2.95.12's description leaves fractions out of parameters, such as a temperature; its server takes any number. */
function corrected(schemas: JsonObject): JsonObject {
  const { oneOf, ...parameter } = object(schemas.MapValue)
  if (oneOf === undefined) return schemas
  return { ...schemas, MapValue: { ...parameter, oneOf: [...list(oneOf), { type: 'number' }] } }
}

/** The alternative that a value's `type` picks. */
function branchFor({ oneOf }: JsonObject, value: Json): string {
  const at = list(oneOf).findIndex((branch) =>
    list(object(branch).allOf).some((part) =>
      list(object(object(object(part).properties).type).enum).includes(object(value).type ?? ''),
    ),
  )
  return at === -1 ? '' : `/anyOf/${at}`
}

/**
 * OpenAPI 3.0 in the words of JSON Schema: `nullable` becomes a type, and `oneOf` becomes `anyOf`, for the
 * alternatives of this description overlap: `Usage` is an `OpenAIUsage`, too.
 */
function translated(schema: Json): Json {
  if (Array.isArray(schema)) return schema.map(translated)
  if (typeof schema !== 'object' || schema === null) return schema
  const { nullable, oneOf, $ref, description, ...rest } = schema
  const plain: JsonObject = Object.fromEntries(
    Object.entries(rest).map(([key, part]) => [key, translated(part)]),
  )
  // A property may be called `description`, too.
  if (description !== undefined && typeof description !== 'string')
    plain.description = translated(description)
  if (oneOf !== undefined) plain.anyOf = translated(oneOf)
  if ($ref !== undefined) plain.$ref = `langfuse${text($ref)}`
  return nullable === true && Object.keys(plain).length > 0 ? { anyOf: [plain, { type: 'null' }] } : plain
}
