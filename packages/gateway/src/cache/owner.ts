import { randomBytes } from 'node:crypto'
import type { Call, Json } from '../call.ts'
import { object } from '../json.ts'
import { canonical, quoted } from './canonical.ts'
import { type Bearing, bearingOf } from './headers.ts'
import { type Signer, signerOf } from './signature.ts'

/**
 * Whose an answer is. Two calls may share an answer, stored, in flight or found by meaning, only where this text is
 * equal: the account (an HMAC of the credentials), every request header that may decide an answer, and the end user
 * where the policy keeps users apart.
 *
 * @param signer Keyed with the secret of the partition, so that a reader of Redis cannot test guesses of credentials.
 * @returns `undefined` where the call may share nothing: users are kept apart and it does not say who its user is, or its
 * credentials prove nothing.
 */
export function ownerOf(call: Call, signer: Signer, bearing = bearingOf(call)): string | undefined {
  const { caller } = call
  const { credentials, deciding } = bearing
  if (isUnproven(call, bearing)) return undefined
  const user = caller.perUser ? userOf(call) : ''
  if (user === undefined) return undefined
  return quoted(caller.accountsShare ? '' : accountOf(signer, credentials)) + quoted(deciding) + quoted(user)
}

/**
 * Whether a call shows an account that anybody could name: a signature of AWS that came from outside, and that nothing
 * here can verify. One that a client of this process makes is its own.
 */
export const isUnproven = ({ caller, outgoing }: Call, { isPublic }: Bearing): boolean =>
  isPublic && !outgoing.signed && !caller.accountsShare

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
  return [...names, ...people].map(quoted).join('') + inMetadata(body.metadata)
}

const BLANK = /^\w+\s*$/

/** Members of a name that tells of a user count, too; but they may as well be a kind of user, and so name none. */
function inMetadata(metadata: Json | undefined): string {
  const members = Object.entries(object(metadata)).filter(([name]) => /user|customer/i.test(name))
  return members.length === 0 ? '' : canonical(Object.fromEntries(members))
}

/** The secret that one caller's exact entries are signed with, and what is derived from it. */
export type Ring = {
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
 * common secret; where accounts share, neither are credentials, nor are they where they only name an account.
 */
export function ringOf({ caller, rules }: Call, { credentials, isPublic }: Bearing): Ring {
  const { secret, key } = rules.secrets ?? {}
  const common = secret ?? (caller.shared ? undefined : key)
  if (common !== undefined) return ringFrom(common)
  return ringFrom(caller.accountsShare || isPublic ? OWN_SECRET : credentials)
}

const rings = new Map<string, Ring>()
const MAX_RINGS = 200

function ringFrom(secret: string): Ring {
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
