import * as z from 'zod/mini'

const BRAND = Symbol.for('@hotdash/llm-gateway:options-error')

/** Thrown for invalid options or policies when a client is made. The message names each invalid field. */
export class GatewayOptionsError extends Error {
  override name = 'GatewayOptionsError' as const
  readonly code = 'gateway_bad_options' as const
  readonly [BRAND] = true

  /** True for errors of every copy of this package, ESM or CommonJS. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && BRAND in value
  }
}

/**
 * @throws GatewayOptionsError with one line for each field at fault. Values are not repeated: they may be keys.
 */
export function check<T>(schema: z.ZodMiniType<T>, value: unknown, where: string): T {
  const { data, problems } = inspect(schema, value, where)
  // Undefined may be valid, as of options that were not given.
  if (problems.length > 0) throw new GatewayOptionsError(problems.join('\n'))
  return data as T
}

/** Returns the value as the schema has it, and one line for each field at fault: with any, there is no value. */
export function inspect<T>(
  schema: z.ZodMiniType<T>,
  value: unknown,
  where: string,
): { data: T | undefined; problems: string[] } {
  const result = z.safeParse(schema, value)
  return result.success
    ? { data: result.data, problems: [] }
    : { data: undefined, problems: result.error.issues.flatMap((issue) => explain(issue, where)) }
}

type Issue = z.core.$ZodIssue

function explain(issue: Issue, where: string): string[] {
  const field = [...(where === '' ? [] : [where]), ...issue.path.map(String)].join('.') || 'it'
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => `${field === 'it' ? '' : `${field}.`}${key}: unknown field`)
  if (issue.code === 'invalid_union') {
    // Reports the union branch that matched deepest: it is the one that was meant.
    const deepest = issue.errors.toSorted((a, b) => (b[0]?.path.length ?? 0) - (a[0]?.path.length ?? 0))[0]
    if (deepest?.some((inner) => inner.path.length > 0 || inner.code === 'unrecognized_keys'))
      return deepest.flatMap((inner) => explain(inner, field))
  }
  return [`${field}: ${expectation(issue)}`]
}

function expectation(issue: Issue): string {
  // A range that the schema words itself names both of its ends.
  if (issue.message?.startsWith('must be ')) return issue.message
  if (issue.code === 'invalid_type') return `must be ${TYPES[issue.expected] ?? issue.expected}`
  if (issue.code === 'invalid_value')
    return `must be ${issue.values.length === 1 ? '' : 'one of '}${issue.values.map((value) => JSON.stringify(value)).join(', ')}`
  if (issue.code === 'too_small')
    return issue.origin === 'string'
      ? 'must not be empty'
      : `must be ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}`
  if (issue.code === 'too_big')
    return `must be ${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}`
  if (issue.code === 'custom' || issue.code === 'invalid_format') return issue.message ?? 'is not valid'
  if (issue.code === 'invalid_union') {
    // A union with a message of its own describes itself best.
    if (issue.message !== 'Invalid input') return issue.message
    const branches = issue.errors.flatMap(([first]) => (first === undefined ? [] : [expectation(first)]))
    if (branches.length > 0 && branches.every((text) => text.startsWith('must be ')))
      return `must be ${[...new Set(branches)].map((text) => text.slice('must be '.length)).join(' or ')}`
  }
  return 'has an invalid value'
}

const TYPES: Record<string, string> = {
  array: 'an array',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  object: 'an object',
  record: 'an object',
  string: 'a string',
}
