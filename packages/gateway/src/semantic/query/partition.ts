import { createHmac } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Call } from '../../core/call.ts'
import { canonical, lengthPrefixed, parseExactNumbers } from '../../fingerprint/canonical.ts'
import { ownerOf } from '../../fingerprint/owner.ts'
import { isStoredByDefault } from '../../operations/operations.ts'
import { hashTag } from '../../redis/hash-tag.ts'
import { signerOf } from '../../util/signature.ts'
import { userNames } from './asker.ts'
import type { Query } from './extract.ts'
import { NORMALISATION } from './extract.ts'

export { signerOf }

/** The entries that one kind of request can find: those whose request is equal except for the question. */
export type Partition = {
  /** Prefix of its Redis keys, with the team's hash tag. */
  name: string
  /** Key that signs its entries. Never leaves this process. */
  secret: Buffer
}

/**
 * The scope of labels: one agent of one team, one embedder, one secret. Each team's callers choose agent names freely,
 * so labels of another team do not count.
 */
export type CalibrationScope = {
  agent: string
  /** Id of the embedder. */
  embedder?: string
  /** Redis key of its labels. */
  name: string
  /** Key that signs its labels. Never leaves this process. */
  secret: Buffer
}

const scopes = new LRUCache<string, CalibrationScope>({ max: 2_000 })

export function calibrationScopeOf(
  { caller: { team, agent } }: { caller: { team: string; agent: string } },
  embedder: string,
  secret: string,
): CalibrationScope {
  const all = [team, agent, embedder, secret].map(lengthPrefixed).join('')
  const known = scopes.get(all)
  if (known !== undefined) return known
  const signer = signerOf(secret)
  const digest = signer(`labels\n${[team, agent, embedder].map(lengthPrefixed).join('')}`)
  const name = `gw:{${hashTag(team)}}:sl:${digest.toString('base64url', 0, 18)}`
  const scope = { agent, embedder, name, secret: signer(name) }
  scopes.set(all, scope)
  return scope
}

/** Request members that identify the caller or the delivery and never change the answer. */
const IGNORED_MEMBERS = new Set([
  'model',
  'stream',
  'stream_options',
  'metadata',
  'store',
  'prompt_cache_key',
  'prompt_cache_options',
  'prompt_cache_retention',
])

/**
 * Derives a question's partition: an HMAC over tenant, agent, model, all parameters, preceding messages, the
 * embedder, and, unless the policy says `shareBetweenUsers`, every name of the end user. Unlike in the exact cache that is
 * the default: a similar question is less certain to allow another user's answer. `undefined` if the request is nested too
 * deeply, or names its end user in a way that cannot be read.
 */
export function partitionOf(
  call: Call,
  { rest }: Query,
  embedder: string,
  secret: string,
): Partition | undefined {
  const { caller, controls, model, operation, outbound } = call
  const isSharedByUsers = caller.semantic?.shareBetweenUsers === true
  // Whose the call is cannot be told.
  if (controls.unusable && !isSharedByUsers) return undefined
  const tag = hashTag(caller.team)
  const signer = signerOf(secret)
  const owner = ownerOf(call, signer)
  if (owner === undefined) return undefined
  const parts = [
    caller.team,
    caller.agent,
    controls.cache.namespace ?? '',
    outbound.url,
    operation,
    model,
    embedder,
    NORMALISATION,
    owner,
    // The id of a response that upstream stores can be continued from; other ids refer to nothing.
    isStoredByDefault(operation, call.body) ? 'kept' : '',
    isSharedByUsers ? '' : userNames(call),
  ]
  try {
    const exact = parseExactNumbers(outbound.text, call.body)
    const members = Object.keys(rest)
      .filter((name) => !(isSharedByUsers && USER_MEMBERS.has(name)))
      .filter((name) => !IGNORED_MEMBERS.has(name) && rest[name] !== undefined && rest[name] !== null)
      .sort()
      // Members without the question are taken with exact numbers, as they were written.
      .map(
        (name) =>
          `${lengthPrefixed(name)}:${canonical(HOLDS_QUESTION.has(name) ? rest[name] : exact[name])},`,
      )
    const digest = createHmac('sha256', signer('scope'))
      .update(parts.map(lengthPrefixed).join('') + members.join(''))
      .digest()
    const name = `gw:{${tag}}:s:${digest.subarray(0, 18).toString('base64url')}`
    return { name, secret: signer(name) }
  } catch {
    return undefined
  }
}

/** Name the end user, and change no answer. */
const USER_MEMBERS = new Set(['user', 'safety_identifier'])
const HOLDS_QUESTION = new Set(['messages', 'input'])
