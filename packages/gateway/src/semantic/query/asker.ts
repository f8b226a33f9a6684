import type { Call } from '../../core/call.ts'
import { SESSION_NAME } from '../../core/controls.ts'
import { lengthPrefixed } from '../../fingerprint/canonical.ts'
import { signatureOf } from '../../util/signature.ts'

const ASKER_CHARS = 12

/**
 * Returns all names that the call has for its end user, as one text: members of its body, and controls other than the
 * session. Empty: it names none.
 */
export function userNames({ body, controls }: Pick<Call, 'body' | 'controls'>): string {
  const members = [body.user, body.safety_identifier].map((name) =>
    typeof name === 'string' ? name.trim() : '',
  )
  const people = (controls.people ?? []).filter((name) => !name.startsWith(SESSION_NAME))
  const names = [...members, ...people]
  return names.some((name) => name !== '') ? names.map(lengthPrefixed).join('') : ''
}

/**
 * Returns a digest of who asks, by which entries of one asker are told from those of several: of the end user, else of the
 * session. Empty: the call names neither. It is keyed with the partition's secret, so that names cannot be tested.
 */
export function askerOf(call: Pick<Call, 'body' | 'controls'>, { secret }: { secret: Buffer }): string {
  const { session } = call.controls
  const asker = userNames(call) || (session === undefined ? '' : `${SESSION_NAME}${session}`)
  if (asker === '') return ''
  return signatureOf(secret, 'asker\n', Buffer.from(asker)).toString('base64url').slice(0, ASKER_CHARS)
}
