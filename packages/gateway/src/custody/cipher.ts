import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

/**
 * Format of a sealed secret: AES-256-GCM under a key derived by HKDF-SHA-256, bound to its purpose. `1.`, then in
 * base64url 12 bytes of nonce, 16 of tag, and the ciphertext.
 */
const VERSION = '1'
const NONCE = 12
const TAG = 16

/** Purpose of a sealed value: it cannot be opened for another purpose, or another team. */
export type Purpose = { team: string; what: 'upstream' | 'team-key'; id: string }

export function seal(secret: string, key: string, purpose: Purpose): string {
  const nonce = randomBytes(NONCE)
  const cipher = createCipheriv('aes-256-gcm', deriveKey(key, purpose.team, 'seal'), nonce)
  cipher.setAAD(additionalData(purpose))
  const sealed = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()])
  return `${VERSION}.${Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url')}`
}

/** Returns the secret; `undefined`: sealed under another key, for another purpose, or not a sealed value. */
export function unseal(value: string, key: string, purpose: Purpose): string | undefined {
  if (!value.startsWith(`${VERSION}.`) || value.length > MAX_CHARS) return undefined
  const bytes = Buffer.from(value.slice(VERSION.length + 1), 'base64url')
  if (bytes.length <= NONCE + TAG) return undefined
  try {
    const decipher = createDecipheriv(
      'aes-256-gcm',
      deriveKey(key, purpose.team, 'seal'),
      bytes.subarray(0, NONCE),
    )
    decipher.setAAD(additionalData(purpose))
    decipher.setAuthTag(bytes.subarray(NONCE, NONCE + TAG))
    return Buffer.concat([decipher.update(bytes.subarray(NONCE + TAG)), decipher.final()]).toString('utf8')
  } catch {
    return undefined
  }
}

const MAX_CHARS = 8_192

/** Returns the id of a team key in Redis: it does not help to find the key, and differs from the hash in the policy. */
export const idOf = (teamKey: string, team: string): string =>
  deriveKey(teamKey, team, 'id').subarray(0, 8).toString('hex')

function deriveKey(key: string, team: string, use: 'seal' | 'id'): Buffer {
  return Buffer.from(hkdfSync('sha256', key, `llm-gateway custody ${team}`, use, 32))
}

const additionalData = ({ team, what, id }: Purpose) => Buffer.from(JSON.stringify([VERSION, team, what, id]))

/** Whether a key cannot be guessed. HKDF does not stretch keys: a reader of Redis could try guesses. */
export function isStrong(key: string): boolean {
  return key.length >= 24 && new Set(key).size >= 12
}

/** 256 random bits in base64url. */
export const newTeamKey = (): string => `gwk-${randomBytes(32).toString('base64url')}`
