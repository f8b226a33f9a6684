import * as z from 'zod/mini'
import type { CacheControl } from '../core/context.ts'
import type { Complain } from '../core/controls.ts'
import { isObject } from '../core/json.ts'

type Restrictions = Exclude<CacheControl, false>

const seconds = z.number().check(z.nonnegative())
const namespace = z.string().check(z.maxLength(1_024))

/** Control by spelling, without hyphens and underscores: `noStore`, `no-store`, `no_store`. */
const CONTROL_BY_SPELLING: Record<string, keyof Restrictions> = {
  nocache: 'noCache',
  nostore: 'noStore',
  onlyifcached: 'onlyIfCached',
  semantic: 'semantic',
  exactonly: 'semantic',
  ttl: 'ttl',
  maxage: 'maxAge',
  smaxage: 'maxAge',
  namespace: 'namespace',
}
const OFF = new Set(['off', 'false', 'none', 'no', '0'])
/** Cache-Control directives that change nothing here. */
const PLAIN = new Set(['', 'true', 'on', 'public', 'must-revalidate', 'no-transform'])

/**
 * Parses cache controls from an object, JSON, or Cache-Control syntax: `no-store, max-age=60, namespace=a`. All
 * controls only restrict. So anything that is not understood counts as the strictest restriction, and is reported to
 * `complain`: asking upstream again is safer than serving a wrong answer.
 */
export function cacheControl(given: unknown, complain: Complain): CacheControl | undefined {
  if (given === undefined || given === null || given === true) return undefined
  if (given === false) return false
  if (typeof given === 'string') return fromText(given, complain)
  if (isObject(given)) return fromMembers(Object.entries(given), complain)
  complain('cache')
  return false
}

function fromText(text: string, complain: Complain): CacheControl | undefined {
  const json = parseJson(text)
  if (json !== undefined && typeof json !== 'number') return cacheControl(json, complain)
  const members: [string, unknown][] = []
  for (const part of text.split(',').map((part) => part.trim())) {
    const [name = '', ...rest] = part.split('=')
    if (PLAIN.has(part.toLowerCase())) continue
    if (OFF.has(part.toLowerCase())) return false
    members.push([name.trim(), rest.length === 0 ? true : rest.join('=').trim()])
  }
  return members.length === 0 ? undefined : fromMembers(members, complain)
}

function fromMembers(members: [string, unknown][], complain: Complain): CacheControl {
  const cache: Restrictions = {}
  let isUnderstood = true
  for (const [name, value] of members) {
    const control = CONTROL_BY_SPELLING[name.replace(/[-_]/g, '').toLowerCase()]
    if (value === undefined || value === null) continue
    if (control === undefined) {
      complain('cache')
      isUnderstood = false
    } else if (control === 'namespace') {
      const { success, data } = namespace.safeParse(value)
      if (success) cache.namespace = data
      else complain('cache.namespace')
      isUnderstood &&= success
    } else if (control === 'ttl' || control === 'maxAge') {
      const number = typeof value === 'string' && value !== '' ? Number(value) : value
      const { success, data } = seconds.safeParse(number)
      if (success) cache[control] = data
      else complain(`cache.${control}`)
      isUnderstood &&= success
    } else if (control === 'semantic') {
      // `exact-only` switches it off when true, `semantic` when false.
      const isDenied = value === false || value === 'false'
      if (isDenied || (value && /^exact/i.test(name))) cache.semantic = false
    } else if (value && value !== 'false') cache[control] = true
  }
  return isUnderstood ? cache : false
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
