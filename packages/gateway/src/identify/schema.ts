import * as z from 'zod/mini'
import type { GatewayContext } from '../core/context.ts'
import type { Complain } from '../core/controls.ts'
import { isObject } from '../core/json.ts'
import { cacheControl } from './cache-control.ts'

/** Longest name or id of a caller, session, user, trace or tag, in characters. */
const MAX_NAME = 1_024
const MAX_TAGS = 100

const name = z.string().check(z.minLength(1), z.maxLength(MAX_NAME))
const nameOrNumber = z.union([name, z.number()])
const tag = z.union([z.string().check(z.maxLength(MAX_NAME)), z.number(), z.boolean()])

/** Validated controls of one call. */
export type Checked = GatewayContext & {
  /** Further names of the end user or the session. */
  also?: string[]
  /** Set when a user or session was given that is no valid name: the end user of the call is unknown. */
  unusable?: true
}

const PEOPLE: ReadonlySet<string> = new Set(['session', 'user'])
const isGiven = (value: unknown) => value !== undefined && value !== null

const NAMES = ['agent', 'session', 'user', 'trace'] as const

/**
 * Validates the controls of one call from any source: headers, a `withGateway` context, a request body. Each field is
 * checked on its own. An invalid one counts as not given, so that it can change neither the call nor its owner; but
 * an invalid user or session is noted in `unusable`. Cache restrictions are the opposite: an invalid one counts as
 * the strictest.
 */
export function checkedControls(given: unknown, complain: Complain): Checked {
  const checked: Checked = {}
  if (!isReadable(given)) return checked
  const source = given as Record<string, unknown>
  for (const field of NAMES) {
    const value = fieldOf(source, field, nameOrNumber, complain)
    if (value !== undefined) checked[field] = `${value}`
    else if (PEOPLE.has(field) && mayBeGiven(source, field)) checked.unusable = true
  }
  const tags = readOr(undefined, 'tags', complain, () => tagsOf(source.tags, complain))
  if (tags !== undefined) checked.tags = tags
  const cache = readOr(false, 'cache', complain, () => cacheControl(source.cache, complain))
  if (cache !== undefined) checked.cache = cache
  const onLimit = fieldOf(source, 'onLimit', z.enum(['reject', 'wait']), complain)
  if (onLimit !== undefined) checked.onLimit = onLimit
  return checked
}

const known = new WeakMap<object, Checked>()

/** The same for a context of the program, once per object. */
export function checkedContext(context: GatewayContext | undefined, complain: Complain): Checked | undefined {
  if (typeof context !== 'object' || context === null) return undefined
  const found = known.get(context)
  if (found !== undefined) return found
  const checked = checkedControls(context, complain)
  known.set(context, checked)
  return checked
}

function fieldOf<T>(
  source: Record<string, unknown>,
  field: string,
  schema: z.ZodMiniType<T>,
  complain: Complain,
): T | undefined {
  return readOr(undefined, field, complain, () => {
    const value = source[field]
    if (!isGiven(value)) return undefined
    const { success, data } = schema.safeParse(value)
    if (!success) complain(field)
    return data
  })
}

/** Returns the result of `read`; `otherwise`, where a value of the program throws when it is inspected. */
function readOr<T>(otherwise: T, field: string, complain: Complain, read: () => T): T {
  try {
    return read()
  } catch {
    complain(field)
    return otherwise
  }
}

/** A name that cannot be read counts as given. */
const mayBeGiven = (source: Record<string, unknown>, field: string): boolean =>
  readOr(
    true,
    field,
    () => undefined,
    () => isGiven(source[field]),
  )

/** False for a revoked Proxy, which throws on every access. */
const isReadable = (given: unknown): boolean =>
  readOr(
    false,
    '',
    () => undefined,
    () => isObject(given),
  )

/** Keeps tags that are texts, numbers or booleans; drops and reports all others. */
function tagsOf(given: unknown, complain: Complain): string[] | undefined {
  if (given === undefined || given === null) return undefined
  if (!Array.isArray(given)) {
    complain('tags')
    return undefined
  }
  const tags: string[] = []
  for (const each of given.slice(0, MAX_TAGS) as unknown[]) {
    const { success, data } = tag.safeParse(each)
    const text = success ? `${data}`.trim() : undefined
    if (text === undefined) complain('tags')
    else if (text !== '') tags.push(text)
  }
  if (given.length > MAX_TAGS) complain('tags')
  return tags
}
