import { readFile } from 'node:fs/promises'
import type { ErrorObject } from 'ajv'
import { type Json, type JsonObject, list, object, text } from '../core/json.ts'

/** Returns the problems that the API description finds in a value; none where it is valid. */
export type DescriptionCheck = (schema: string, value: Json) => string[]

/**
 * Loads an OpenAPI 3.0 file and returns a function that checks values against its schemas. Of alternatives with a `type`
 * each, only the one of the value's type is checked, so that problems concern its fields.
 *
 * @throws (rejects) where the file cannot be read or parsed
 */
export async function loadDescription(path: string): Promise<DescriptionCheck> {
  // Loaded on demand: most tests check against no description.
  const [{ parse }, { Ajv }, { default: addFormats }] = await Promise.all([
    import('yaml'),
    import('ajv'),
    import('ajv-formats'),
  ])
  const document: Json = parse(await readFile(path, 'utf8'), {
    // Langfuse's file uses one anchor hundreds of times, which the parser's limit against alias bombs would refuse.
    maxAliasCount: -1,
  })
  const schemas = object(object(object(document).components).schemas)
  const ajv = new Ajv({ strict: false, allErrors: true, allowUnionTypes: true })
  ;(typeof addFormats === 'function' ? addFormats : addFormats.default)(ajv)
  ajv.addSchema({
    $id: 'langfuse',
    components: { schemas: toJsonSchema(patchSchemas(schemas)) as JsonObject },
  })

  return (schema, value) => {
    if (!Object.hasOwn(schemas, schema)) throw new Error(`the API description has no schema ${schema}`)
    const branch = selectBranch(object(schemas[schema]), value)
    const $ref = `langfuse#/components/schemas/${schema}${branch}`
    const validate = ajv.getSchema($ref) ?? ajv.compile({ $ref })
    if (validate(value)) return []
    return problemsOf(validate.errors ?? [])
  }
}

/** Returns one problem for each place, without those that follow from another inside it. */
function problemsOf(errors: ErrorObject[]): string[] {
  const places = new Map<string, Set<string>>()
  for (const { keyword, instancePath, message, params } of errors) {
    if (keyword === 'anyOf' || params.type === 'null') continue
    const messages = places.get(instancePath) ?? new Set()
    places.set(instancePath, messages.add(message ?? keyword))
  }
  return [...places].map(([path, messages]) =>
    `${path.slice(1).replaceAll('/', '.')} ${[...messages].join(' or ')}`.trim(),
  )
}

/** Allows fractions in model parameters: 2.95.12's description lacks them, while its server accepts any number. */
function patchSchemas(schemas: JsonObject): JsonObject {
  const { oneOf, ...parameter } = object(schemas.MapValue)
  if (oneOf === undefined) return schemas
  return { ...schemas, MapValue: { ...parameter, oneOf: [...list(oneOf), { type: 'number' }] } }
}

/** Returns the path of the alternative that a value's `type` selects; empty where no alternative matches. */
function selectBranch({ oneOf }: JsonObject, value: Json): string {
  const at = list(oneOf).findIndex((branch) =>
    list(object(branch).allOf).some((part) =>
      list(object(object(object(part).properties).type).enum).includes(object(value).type ?? ''),
    ),
  )
  return at === -1 ? '' : `/anyOf/${at}`
}

/**
 * Translates OpenAPI 3.0 to JSON Schema: `nullable` becomes a type, and `oneOf` becomes `anyOf`, since alternatives of
 * this description overlap (`Usage` is an `OpenAIUsage`, too).
 */
function toJsonSchema(schema: Json): Json {
  if (Array.isArray(schema)) return schema.map(toJsonSchema)
  if (typeof schema !== 'object' || schema === null) return schema
  const { nullable, oneOf, $ref, description, ...rest } = schema
  const plain: JsonObject = Object.fromEntries(
    Object.entries(rest).map(([key, part]) => [key, toJsonSchema(part)]),
  )
  // `description` may also be the name of a property.
  if (description !== undefined && typeof description !== 'string')
    plain.description = toJsonSchema(description)
  if (oneOf !== undefined) plain.anyOf = toJsonSchema(oneOf)
  if ($ref !== undefined) plain.$ref = `langfuse${text($ref)}`
  return nullable === true && Object.keys(plain).length > 0 ? { anyOf: [plain, { type: 'null' }] } : plain
}
