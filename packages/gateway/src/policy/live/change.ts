import * as z from 'zod/mini'
import { check, GatewayOptionsError } from '../../core/options-error.ts'
import type { Policy } from '../../core/policy.ts'
import { checkPolicy } from '../load.ts'
import type { Switches } from './live.ts'
import { switchesSchema } from './switches.ts'

/** One change of the live policy, with the complete state after it. */
export type Change = {
  /** Rises with each change: its UTC second, as in 20261123170511, or one more than the last version. */
  version: number
  /** Time of the change as an ISO date. */
  at: string
  by: string
  comment?: string
  /** Action: `push`, `switch`, `clear`, or `rollback to` a version. */
  what: string
  /** Absent: each process uses its own policy, from its options, its file, or the built-in one. */
  policy?: Policy
  switches: Switches
}

/** Largest size of a change as JSON. */
export const MAX_CHANGE_BYTES = 256 * 1024
/** The last second of the year 9999: a higher one would leave no room for the next. */
export const MAX_VERSION = 99_991_231_235_959
const FORMAT = 1
const MAX_DEPTH = 32

const text = (most: number) => z.string().check(z.maxLength(most))
const schema = z.strictObject({
  format: z.literal(FORMAT),
  version: z.number().check(z.int(), z.positive(), z.maximum(MAX_VERSION)),
  at: text(40),
  by: text(100),
  comment: z.optional(text(500)),
  what: text(100),
  policy: z.optional(z.unknown()),
  switches: z.unknown(),
})

/**
 * Serialises a change. @throws GatewayOptionsError for one that processes would ignore: invalid fields, one line
 * each, or too large.
 */
export function textOf(change: Change): string {
  const text = JSON.stringify({ format: FORMAT, ...change })
  changeOf(text, change.version)
  return text
}

/**
 * Parses a change from Redis, where any client may have written it.
 * @throws GatewayOptionsError with a line for each invalid field.
 */
export function changeOf(source: string, version: number): Change {
  if (version > MAX_VERSION) throw new GatewayOptionsError('version: is too high')
  if (Buffer.byteLength(source) > MAX_CHANGE_BYTES)
    throw new GatewayOptionsError(`it has more than ${MAX_CHANGE_BYTES} bytes`)
  const value = parseChange(source)
  const { format } = value
  if (typeof format === 'number' && format > FORMAT)
    throw new GatewayOptionsError(
      `it is of format ${format}, which a newer version of the gateway has written; this one reads ${FORMAT}`,
    )
  const { format: _, policy, switches, ...rest } = check(schema, value, '')
  if (rest.version !== version) throw new GatewayOptionsError('version: is not the one it was stored under')
  return {
    ...(rest as Omit<Change, 'policy' | 'switches'>),
    ...(policy === undefined ? {} : { policy: checkPolicy(policy, '') }),
    switches: checkSwitches(switches),
  }
}

/** @throws GatewayOptionsError with a line for each invalid field. */
export function checkSwitches(value: unknown): Switches {
  rejectUnsafe(value, 0)
  return check(switchesSchema, value, 'switches') as Switches
}

function parseChange(source: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(source)
  } catch {
    throw new GatewayOptionsError('it is not JSON')
  }
  rejectUnsafe(value, 0)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new GatewayOptionsError('it is not a JSON object')
  return value as Record<string, unknown>
}

const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype'])

/**
 * Rejects names with a special meaning in JavaScript, and excessive nesting.
 * @throws GatewayOptionsError
 */
export function rejectUnsafe(value: unknown, depth: number): void {
  if (typeof value !== 'object' || value === null) return
  if (depth > MAX_DEPTH) throw new GatewayOptionsError(`it is nested more than ${MAX_DEPTH} deep`)
  for (const [name, inner] of Object.entries(value)) {
    if (FORBIDDEN.has(name)) throw new GatewayOptionsError(`${name}: is a reserved name`)
    rejectUnsafe(inner, depth + 1)
  }
}
