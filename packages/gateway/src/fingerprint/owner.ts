import { randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Call } from '../core/call.ts'
import { type Json, object } from '../core/json.ts'
import { type Signer, signerOf } from '../util/signature.ts'
import { canonical, lengthPrefixed } from './canonical.ts'
import { type AccountHeaders, accountHeadersOf } from './headers.ts'

/**
 * Returns a text that must be equal for two calls to share an answer, whether stored, in flight or semantic: the
 * account (an HMAC of the credentials), every request header that may change an answer, and the end user where the
 * policy separates users.
 * @param signer Keyed with the secret of the partition, so that a reader of Redis cannot test guesses of credentials.
 * @returns `undefined` where the call may share nothing: users are separated and it names none, or its credentials prove
 * nothing.
 */
export function ownerOf(
  call: Call,
  signer: Signer,
  accountHeaders = accountHeadersOf(call),
): string | undefined {
  const { caller } = call
  const { credentials, deciding } = accountHeaders
  if (isUnproven(call, accountHeaders)) return undefined
  const user = caller.perUser ? userOf(call) : ''
  if (user === undefined) return undefined
  return (
    lengthPrefixed(caller.accountsShare ? '' : accountOf(signer, credentials)) +
    lengthPrefixed(deciding) +
    lengthPrefixed(user)
  )
}

/**
 * Whether the credentials of a call prove no account: an AWS signature from outside, which only AWS can verify. A
 * signature that a client of this process makes proves its own.
 */
export const isUnproven = ({ caller, outbound }: Call, { isPublic }: AccountHeaders): boolean =>
  isPublic && !outbound.signed && !caller.accountsShare

/**
 * Returns all names that the call has for its end user, as one text. `undefined`: none, only blank ones, or an
 * invalid one.
 */
export function userOf({ body, controls }: Pick<Call, 'body' | 'controls'>): string | undefined {
  if (controls.unusable) return undefined
  const { user, safety_identifier: identifier } = body
  if ((user ?? '') !== '' && typeof user !== 'string') return undefined
  if ((identifier ?? '') !== '' && typeof identifier !== 'string') return undefined
  const { people = [] } = controls
  const names = [user, identifier].map((name) => (typeof name === 'string' ? name : ''))
  const isNamed =
    names.some((name) => name.trim() !== '') || people.some((name) => BLANK.test(name) === false)
  if (!isNamed) return undefined
  return [...names, ...people].map(lengthPrefixed).join('') + inMetadata(body.metadata)
}

const BLANK = /^\w+\s*$/

/** Metadata members named after a user or customer count as well, but do not suffice: they may hold a kind of user. */
function inMetadata(metadata: Json | undefined): string {
  const members = Object.entries(object(metadata)).filter(([name]) => /user|customer/i.test(name))
  return members.length === 0 ? '' : canonical(Object.fromEntries(members))
}

/** The secret that signs one caller's exact entries, and keys derived from it. */
export type KeyRing = {
  /** Identifies the secret without revealing it. Callers with different secrets never share a cache key. */
  id: string
  signer: Signer
  /** Signs entries. Never leaves this process. */
  entries: Buffer
}

/** Without a common secret, accounts share answers only within this process. */
let ownSecret: string | undefined

/** Made at the first use: Cloudflare Workers have no random values at import. */
function secretOfProcess(): string {
  ownSecret ??= randomBytes(32).toString('base64url')
  return ownSecret
}

/**
 * Selects the secret: the configured one, else the team key, else the call's credentials. Where teams share, a team
 * key is no common secret; where accounts share, or where they only name an account, neither are
 * credentials.
 */
export function keyRingOf({ caller, policy }: Call, { credentials, isPublic }: AccountHeaders): KeyRing {
  const { secret, key } = policy.secrets ?? {}
  const common = secret ?? (caller.crossTeamCache ? undefined : key)
  if (common !== undefined) return ringFrom(common)
  return ringFrom(caller.accountsShare || isPublic ? secretOfProcess() : credentials)
}

const rings = new LRUCache<string, KeyRing>({ max: 200 })
/** The ring used last: most processes have one, and comparing a secret is cheaper than hashing it. */
let last: { secret: string; ring: KeyRing } | undefined

function ringFrom(secret: string): KeyRing {
  if (last?.secret === secret) return last.ring
  const ring = rings.get(secret) ?? createRing(secret)
  last = { secret, ring }
  return ring
}

function createRing(secret: string): KeyRing {
  const signer = signerOf(secret)
  const ring = { id: signer('exact').toString('base64url', 0, 9), signer, entries: signer('exact entries') }
  rings.set(secret, ring)
  return ring
}

const accounts = new WeakMap<Signer, LRUCache<string, string>>()
const MAX_ACCOUNTS = 200

function accountOf(signer: Signer, credentials: string): string {
  const known = accounts.get(signer) ?? new LRUCache<string, string>({ max: MAX_ACCOUNTS })
  accounts.set(signer, known)
  const found = known.get(credentials)
  if (found !== undefined) return found
  const account = signer(`account\n${credentials}`).toString('base64url', 0, 18)
  known.set(credentials, account)
  return account
}
