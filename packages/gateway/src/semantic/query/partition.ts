import { createHmac } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Call } from '../../core/call.ts'
import { canonical, lengthPrefixed, parseExactNumbers } from '../../fingerprint/canonical.ts'
import { ownerOf } from '../../fingerprint/owner.ts'
import { hashTag } from '../../redis/hash-tag.ts'
import { signerOf } from '../../util/signature.ts'
import type { Query } from './extract.ts'
import { PREPARATION } from './extract.ts'

export { signerOf }

/** Where answers to one kind of question are kept: nobody finds an answer who did not ask all else alike. */
export type Partition = {
  /** As it stands in Redis keys, in a hash tag of the team's own. */
  name: string
  /** What its entries are signed with. Never leaves this process. */
  secret: Buffer
}

/**
 * Whose judgements count for whose: those of one agent of one team, by one embedder, under one secret. An agent's name is
 * free for each team's callers to take; another team's judgements say nothing here.
 */
export type PartitionRules = {
  agent: string
  /** The key of its labels in Redis. */
  name: string
  /** What they are signed with. Never leaves this process. */
  secret: Buffer
}

const schools = new LRUCache<string, PartitionRules>({ max: 2_000 })

export function partitionRulesOf(
  { caller: { team, agent } }: Call,
  embedder: string,
  secret: string,
): PartitionRules {
  const all = [team, agent, embedder, secret].map(lengthPrefixed).join('')
  const known = schools.get(all)
  if (known !== undefined) return known
  const signer = signerOf(secret)
  const digest = signer(`labels\n${[team, agent, embedder].map(lengthPrefixed).join('')}`)
  const name = `gw:{${hashTag(team)}}:sl:${digest.toString('base64url', 0, 18)}`
  const school = { agent, name, secret: signer(name) }
  schools.set(all, school)
  return school
}

/** Members that name or follow the caller, or say how the answer is delivered, and never change it. */
const SAME_ANSWER = new Set([
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
 * The partition of a question: an HMAC over tenant, agent, model, every parameter, what was said before it, and how its
 * vector was made. `undefined` for requests that are nested beyond reason. Unlike the exact cache, `user` and
 * `safety_identifier` are in it: an answer found by meaning is less sure to be meant for somebody else.
 */
export function partitionOf(
  call: Call,
  { rest }: Query,
  embedder: string,
  secret: string,
): Partition | undefined {
  const { caller, controls, model, operation, outbound: outgoing } = call
  const tag = hashTag(caller.team)
  const signer = signerOf(secret)
  const owner = ownerOf(call, signer)
  if (owner === undefined) return undefined
  const parts = [
    caller.team,
    caller.agent,
    controls.cache.namespace ?? '',
    outgoing.url,
    operation,
    model,
    embedder,
    PREPARATION,
    owner,
    // An answer that upstream keeps can be gone on from; of one that it does not keep, the id names nothing.
    operation === 'responses' && call.body.store !== false ? 'kept' : '',
  ]
  try {
    const exact = parseExactNumbers(outgoing.text, call.body)
    const members = Object.keys(rest)
      .filter((name) => !SAME_ANSWER.has(name) && rest[name] !== undefined && rest[name] !== null)
      .sort()
      // The question is out of `rest`; all else is as exact as it was written.
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

const HOLDS_QUESTION = new Set(['messages', 'input'])
