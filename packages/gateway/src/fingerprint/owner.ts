import { randomBytes } from 'node:crypto'
import type { Call } from '../core/call.ts'
import { type Json, object } from '../core/json.ts'
import { type Signer, signerOf } from '../util/signature.ts'
import { canonical, lengthPrefixed } from './canonical.ts'
import { type Bearing, bearingOf } from './headers.ts'

/**
 * Whose an answer is. Two calls may share an answer, stored, in flight or found by meaning, only where this text is
 * equal: the account (an HMAC of the credentials), every request header that may decide an answer, and the end user
 * where the policy keeps users apart.
 *
 * @param signer Keyed with the secret of the partition, so that a reader of Redis cannot test guesses of credentials.
 * @returns `undefined` where users are kept apart and the call does not say who its user is: it may share nothing.
 */
export function ownerOf(call: Call, signer: Signer, bearing = bearingOf(call)): string | undefined {
  const { caller } = call
  const { credentials, deciding } = bearing
  const user = caller.perUser ? userOf(call) : ''
  if (user === undefined) return undefined
  return (
    lengthPrefixed(caller.accountsShare ? '' : accountOf(signer, credentials)) +
    lengthPrefixed(deciding) +
    lengthPrefixed(user)
  )
}

/**
 * Every name the call has for its end user, from all doors, as one text. `undefined`: it has none, or only blank ones, or
 * one that cannot be used.
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

/** Members of a name that tells of a user count, too; but they may as well be a kind of user, and so name none. */
function inMetadata(metadata: Json | undefined): string {
  const members = Object.entries(object(metadata)).filter(([name]) => /user|customer/i.test(name))
  return members.length === 0 ? '' : canonical(Object.fromEntries(members))
}

/** The secret that one caller's exact entries are signed with, and what is derived from it. */
export type KeyRing = {
  /** Names the secret without telling it. Callers with different secrets never meet under one key. */
  id: string
  signer: Signer
  /** Signs entries. Never leaves this process. */
  entries: Buffer
}

/** Without a common secret, accounts that share do so in this process alone. */
const OWN_SECRET = randomBytes(32).toString('base64url')

/**
 * The configured secret, else the team key, else the credentials of the call. Where teams share, a team key is no
 * common secret; where accounts share, neither are credentials.
 */
export function keyRingOf({ caller, policy: rules }: Call, { credentials }: Bearing): KeyRing {
  const { secret, key } = rules.secrets ?? {}
  const common = secret ?? (caller.crossTeamCache ? undefined : key)
  if (common !== undefined) return ringFrom(common)
  return ringFrom(caller.accountsShare ? OWN_SECRET : credentials)
}

const rings = new Map<string, KeyRing>()
const MAX_RINGS = 200

function ringFrom(secret: string): KeyRing {
  const known = rings.get(secret)
  if (known !== undefined) return known
  const signer = signerOf(secret)
  const ring = { id: signer('exact').toString('base64url', 0, 9), signer, entries: signer('exact entries') }
  remember(rings, secret, ring, MAX_RINGS)
  return ring
}

const accounts = new WeakMap<Signer, Map<string, string>>()
const MAX_ACCOUNTS = 200

function accountOf(signer: Signer, credentials: string): string {
  const known = accounts.get(signer) ?? new Map<string, string>()
  accounts.set(signer, known)
  const found = known.get(credentials)
  if (found !== undefined) return found
  const account = signer(`account\n${credentials}`).toString('base64url', 0, 18)
  remember(known, credentials, account, MAX_ACCOUNTS)
  return account
}

/** First in, first out. */
function remember<Value>(known: Map<string, Value>, name: string, value: Value, most: number) {
  const [oldest] = known.size >= most ? known.keys() : []
  if (oldest !== undefined) known.delete(oldest)
  known.set(name, value)
}
