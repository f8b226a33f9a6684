import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

/**
 * A secret sealed under a key: AES-256-GCM under HKDF-SHA-256 of it, bound to what it is for. `1.` and, in base64url,
 * 12 bytes of nonce, 16 of tag, and the secret's own length.
 */
const VERSION = '1'
const NONCE = 12
const TAG = 16

/** What a sealed value is for: it opens as nothing else, and for no other team. */
export type Purpose = { team: string; what: 'upstream' | 'team-key'; id: string }

export function seal(secret: string, key: string, purpose: Purpose): string {
  const nonce = randomBytes(NONCE)
  const cipher = createCipheriv('aes-256-gcm', derived(key, purpose.team, 'seal'), nonce)
  cipher.setAAD(bound(purpose))
  const sealed = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()])
  return `${VERSION}.${Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url')}`
}

/** `undefined`: made under another key, for another purpose, or by nobody. */
export function unseal(value: string, key: string, purpose: Purpose): string | undefined {
  if (!value.startsWith(`${VERSION}.`) || value.length > MAX_CHARS) return undefined
  const bytes = Buffer.from(value.slice(VERSION.length + 1), 'base64url')
  if (bytes.length <= NONCE + TAG) return undefined
  try {
    const decipher = createDecipheriv(
      'aes-256-gcm',
      derived(key, purpose.team, 'seal'),
      bytes.subarray(0, NONCE),
    )
    decipher.setAAD(bound(purpose))
    decipher.setAuthTag(bytes.subarray(NONCE, NONCE + TAG))
    return Buffer.concat([decipher.update(bytes.subarray(NONCE + TAG)), decipher.final()]).toString('utf8')
  } catch {
    return undefined
  }
}

const MAX_CHARS = 8_192

/** The name of a team key in Redis: of no use for finding the key, and not the hash that the policy lists. */
export const idOf = (teamKey: string, team: string): string =>
  derived(teamKey, team, 'id').subarray(0, 8).toString('hex')

function derived(key: string, team: string, use: 'seal' | 'id'): Buffer {
  return Buffer.from(hkdfSync('sha256', key, `llm-gateway custody ${team}`, use, 32))
}

const bound = ({ team, what, id }: Purpose) => Buffer.from(JSON.stringify([VERSION, team, what, id]))

/** HKDF stretches nothing: what can be guessed can be opened by whoever can read Redis. */
export function isStrong(key: string): boolean {
  return key.length >= 24 && new Set(key).size >= 12
}

/** 256 bits, in the letters of base64url. */
export const newTeamKey = (): string => `gwk-${randomBytes(32).toString('base64url')}`
