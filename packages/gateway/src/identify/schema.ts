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

/** Controls of one call. */
export type Checked = GatewayContext & {
  /** More names of the end user or the session. */
  also?: string[]
  /** A user or a session was given that is no name: whose the call is cannot be told. */
  unusable?: true
}

const PEOPLE: ReadonlySet<string> = new Set(['session', 'user'])
const isGiven = (value: unknown) => value !== undefined && value !== null

const NAMES = ['agent', 'session', 'user', 'trace'] as const

/**
 * Checks the controls of one call, wherever they came from: headers, a `withGateway` context, a request body. Each field
 * stands alone. One of the wrong kind is as if it had not been given, so that it can change neither what the call is nor
 * whose it is; but that a user or a session was meant, and cannot be told, is kept. Restrictions of the cache err the
 * other way: what is meant as one, if oddly written, restricts.
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

/** The same for a context of the program's own, once for each object. */
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

/** What `read` comes to; `otherwise`, where looking at what the program gave throws. */
function readOr<T>(otherwise: T, field: string, complain: Complain, read: () => T): T {
  try {
    return read()
  } catch {
    complain(field)
    return otherwise
  }
}

/** A name that cannot be read is one that was given. */
const mayBeGiven = (source: Record<string, unknown>, field: string): boolean =>
  readOr(
    true,
    field,
    () => undefined,
    () => isGiven(source[field]),
  )

/** A Proxy that was revoked is no object to read from. */
const isReadable = (given: unknown): boolean =>
  readOr(
    false,
    '',
    () => undefined,
    () => isObject(given),
  )

/** Tags that are text, or a number or truth value written as one; all others are left out. */
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
