import { hash } from 'node:crypto'
import type { Call, Operation } from '../call.ts'
import { object, parseObject } from '../json.ts'
import { tagOf } from '../redis/tag.ts'
import { canonical, exactly, quoted } from './canonical.ts'
import { echoOf } from './echo.ts'
import { bearingOf } from './headers.ts'
import { isUnproven, ownerOf, ringOf } from './owner.ts'
import { hasRepeated } from './repeated.ts'
import { whyNot } from './shareable.ts'

/**
 * Two names of one question: under `exact` its answer is kept, under `flight` those who ask at the same time meet.
 * `exact` is the whole key, as it stands in Redis, where entries are signed with `secret`.
 */
export type Keys = { exact: string; flight: string; secret: Buffer } | { bypass: string }

/**
 * Members that never change an answer. Everything else does, members we have never heard of included.
 * `model` is here because the one that answers, not the one asked for, is in the key.
 */
const NEVER_IN_KEY = {
  chat: of(
    'stream stream_options user safety_identifier prompt_cache_key prompt_cache_options',
    'prompt_cache_retention metadata store',
  ),
  responses: of(
    'stream stream_options user safety_identifier prompt_cache_key prompt_cache_options',
    'prompt_cache_retention metadata store',
  ),
  embeddings: of('user'),
  completions: of('stream stream_options user'),
} as const satisfies Record<Operation, ReadonlySet<string>>

export function keysOf(call: Call): Keys {
  const { body, operation, caller, rules } = call
  const bypass = whyNot(operation, body, call.model, rules.policy.cacheRemoteContent ?? false)
  if (bypass !== undefined) return { bypass }
  const tag = caller.shared ? SHARED : tagOf(caller.team)
  const bearing = bearingOf(call)
  const ring = ringOf(call, bearing)
  const owner = ownerOf(call, ring.signer, bearing)
  if (owner === undefined) return { bypass: isUnproven(call, bearing) ? 'unproven-account' : 'no-user' }
  const scope = scopeOf(call, tag, ring.id + owner)
  const known = call.reading.keys
  if (known?.scope === scope) return known.keys
  const question = questionOf(call)
  if (typeof question !== 'string') return question
  const exact = `gw:{${tag}}:x:${hash('sha256', scope + question, 'base64url')}`
  const flight = operation === 'responses' ? `${exact} ${canonical(echoOf(body))}` : exact
  const keys = { exact, flight, secret: ring.entries }
  call.reading.keys = { scope, keys }
  return keys
}

/** All that is in a key beside the body. No part can reach into the next: each tells its length. */
function scopeOf({ body, operation, outgoing, model, controls }: Call, tag: string, owner: string): string {
  // Answers to calls that left `store` out name a response that upstream keeps; to `store: false`, one it does not.
  const kept = operation === 'responses' && body.store !== false ? 'kept' : ''
  const parts = [tag, controls.cache.namespace ?? '', outgoing.url, operation, model, kept, owner]
  let scope = ''
  for (const part of parts) scope += quoted(part)
  return scope
}

/** The tag of answers that all teams share. No team's own tag looks like it. */
const SHARED = '*'

/** Characters of the largest body that is written anew to be compared: beyond, a look through it takes less room. */
const MOST_COMPARED = 262_144

/** SHA-256 of all that the body asks, worked out once for each body. */
function questionOf({ operation, body, reading, outgoing }: Call): string | { bypass: string } {
  const known = reading.questions[operation]
  if (known !== undefined) return known
  const excluded = NEVER_IN_KEY[operation]
  // Members of LiteLLM's are in the text, and no more in the body.
  const whole = Object.keys(outgoing.edits ?? {}).length === 0 ? body : object(parseObject(outgoing.text))
  // Nothing that parsing loses is in such a text: no member twice, no number that a double cannot hold.
  const isPlain = outgoing.text.length <= MOST_COMPARED && JSON.stringify(whole) === outgoing.text
  if (!isPlain && hasRepeated(outgoing.text, whole)) return { bypass: 'repeated-member' }
  try {
    const exact = isPlain ? body : exactly(outgoing.text, body)
    let written = ''
    for (const name of Object.keys(exact).sort()) {
      const member = exact[name]
      if (excluded.has(name) || !(name in body) || member === null || (name === 'n' && member === 1)) continue
      written += `${JSON.stringify(name)}:${canonical(member)},`
    }
    const question = hash('sha256', written, 'base64url')
    reading.questions[operation] = question
    return question
  } catch {
    return { bypass: 'nested-too-deeply' }
  }
}

function of(...names: string[]): ReadonlySet<string> {
  return new Set(['model', ...names.join(' ').split(' ')])
}
