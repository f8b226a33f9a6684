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
  const result = z.safeParse(schema, value)
  if (result.success) return result.data
  const lines = result.error.issues.flatMap((issue) => explain(issue, where))
  throw new GatewayOptionsError(lines.join('\n'))
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
  if (issue.code === 'invalid_type') return `must be a ${issue.expected}`
  if (issue.code === 'invalid_value')
    return `must be one of ${issue.values.map((value) => JSON.stringify(value)).join(', ')}`
  if (issue.code === 'too_small')
    return issue.origin === 'string'
      ? 'must not be empty'
      : `must be ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}`
  if (issue.code === 'custom' || issue.code === 'invalid_format') return issue.message ?? 'is not valid'
  // A union with a message of its own describes itself best.
  if (issue.code === 'invalid_union' && issue.message !== 'Invalid input') return issue.message
  return 'has an invalid value'
}
