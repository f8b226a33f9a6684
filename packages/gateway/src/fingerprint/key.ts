import type { Call } from '../core/call.ts'
import { object, parseObject } from '../core/json.ts'
import { isStoredByDefault, OPERATIONS } from '../operations/operations.ts'
import { hashTag } from '../redis/hash-tag.ts'
import { hash } from '../util/runtime.ts'
import { canonical, lengthPrefixed, parseExactNumbers } from './canonical.ts'
import { echoOf } from './echo.ts'
import { accountHeadersOf } from './headers.ts'
import { isUnproven, keyRingOf, ownerOf } from './owner.ts'
import { hasRepeated } from './repeated.ts'
import { bypassReason } from './shareable.ts'

/**
 * Two keys of one question: `exact` is the Redis key of its answer, whose entries are signed with `secret`; calls
 * with the same `flight` share one upstream call.
 */
export type Keys = { exact: string; flight: string; secret: Buffer } | { bypass: string }

export function keysOf(call: Call): Keys {
  const { body, operation, caller, policy } = call
  const bypass = bypassReason(operation, body, call.model, policy.policy.cacheRemoteContent ?? false)
  if (bypass !== undefined) return { bypass }
  const tag = caller.crossTeamCache ? SHARED : hashTag(caller.team)
  const accountHeaders = accountHeadersOf(call)
  const ring = keyRingOf(call, accountHeaders)
  const owner = ownerOf(call, ring.signer, accountHeaders)
  if (owner === undefined)
    return { bypass: isUnproven(call, accountHeaders) ? 'unproven-account' : 'no-user' }
  const scope = scopeOf(call, tag, ring.id + owner)
  const known = call.parsed.keys
  if (known?.scope === scope) return known.keys
  const question = questionOf(call)
  if (typeof question !== 'string') return question
  const exact = `gw:{${tag}}:x:${hash('sha256', scope + question, 'base64url')}`
  const flight = OPERATIONS[operation].echoesRequest ? `${exact} ${canonical(echoOf(body))}` : exact
  const keys = { exact, flight, secret: ring.entries }
  call.parsed.keys = { scope, keys }
  return keys
}

/** Returns everything in a key besides the body. Each part is prefixed with its length, so that parts cannot blend. */
function scopeOf({ body, operation, outbound, model, controls }: Call, tag: string, owner: string): string {
  // Answers to calls without `store` name a response that upstream keeps; answers to `store: false` do not.
  const kept = isStoredByDefault(operation, body) ? 'kept' : ''
  // Without routing, upstream chooses the model of a request that names none, and may know one called `auto`.
  const unnamed = model === 'auto' && typeof body.model !== 'string' ? 'unnamed' : ''
  const parts = [tag, controls.cache.namespace ?? '', outbound.url, operation, model, kept + unnamed, owner]
  let scope = ''
  for (const part of parts) scope += lengthPrefixed(part)
  return scope
}

/** Tag of answers that all teams share. No team's tag can equal it. */
const SHARED = '*'

/**
 * Characters of the largest body that is serialised again for comparison; a larger one is scanned, which takes less
 * memory.
 */
const MAX_COMPARED_CHARS = 262_144

/** Returns everything the body asks, as a text that is equal for equal questions. */
function questionOf({ operation, body, outbound }: Call): string | { bypass: string } {
  const excluded = OPERATIONS[operation].notInKey
  // LiteLLM's members are in the text, but no longer in the body.
  const whole = Object.keys(outbound.bodyEdits ?? {}).length === 0 ? body : object(parseObject(outbound.text))
  // Such a text loses nothing in parsing: no repeated member, no number that a double cannot hold.
  const isPlain = outbound.text.length <= MAX_COMPARED_CHARS && JSON.stringify(whole) === outbound.text
  if (!isPlain && hasRepeated(outbound.text, whole)) return { bypass: 'repeated-member' }
  try {
    const exact = isPlain ? body : parseExactNumbers(outbound.text, body)
    let serialised = ''
    for (const name of Object.keys(exact).sort()) {
      const member = exact[name]
      if (excluded.has(name) || !(name in body) || member === null || (name === 'n' && member === 1)) continue
      serialised += `${JSON.stringify(name)}:${canonical(member)},`
    }
    return serialised
  } catch {
    return { bypass: 'nested-too-deeply' }
  }
}
