import { createHmac, timingSafeEqual } from 'node:crypto'
import { hash } from './runtime.ts'

/** Bytes of HMAC-SHA-256 that are stored with an entry. */
export const SIGNATURE_BYTES = 16

/** Derives a key per name from one secret, so that no two uses of the secret share a key. */
export type Signer = (name: string) => Buffer

/** Returns the derivation from a secret that processes share. The last one is kept: most processes have one secret. */
export function signerOf(secret: string): Signer {
  if (last?.secret !== secret) last = { secret, signer: createSigner(secret) }
  return last.signer
}

let last: { secret: string; signer: Signer } | undefined

function createSigner(secret: string): Signer {
  const key = createHmac('sha256', secret).update('llm-gateway semantic 1').digest()
  return (name) => hmacOf(key, [Buffer.from(name)])
}

/**
 * Signs an entry for one storage key: an entry that was changed, forged, or copied from another key does not match.
 * @param place Everything the entry is bound to except its bytes; ends with a line break.
 */
export function signatureOf(key: Buffer, place: string, ...parts: Buffer[]): Buffer {
  return hmacOf(key, [Buffer.from(place), ...parts]).subarray(0, SIGNATURE_BYTES)
}

/** Verifies a signature in constant time. */
export function isSigned(signature: Buffer, key: Buffer, place: string, ...parts: Buffer[]): boolean {
  return signature.length === SIGNATURE_BYTES && timingSafeEqual(signature, signatureOf(key, place, ...parts))
}

/** Bytes that are copied to be hashed at once; longer ones are hashed where they are. */
const MAX_COPIED_BYTES = 65_536
/** Block of SHA-256, which HMAC pads its key to. Source: RFC 2104. */
const BLOCK_BYTES = 64

/**
 * Computes HMAC-SHA-256. For short values as two hashes, each in one call: creating a Hmac object takes 10 µs, more than
 * everything else that is done to read an entry's signature.
 */
export function hmacOf(key: Buffer, parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  if (length > MAX_COPIED_BYTES || key.length > BLOCK_BYTES) {
    const hmac = createHmac('sha256', key)
    for (const part of parts) hmac.update(part)
    return hmac.digest()
  }
  if (lastPads?.key !== key) lastPads = { key, inner: padded(key, 0x36), outer: padded(key, 0x5c) }
  const inner = hash('sha256', Buffer.concat([lastPads.inner, ...parts]), 'buffer')
  return hash('sha256', Buffer.concat([lastPads.outer, inner]), 'buffer')
}

/** The padded key used last: most processes sign with one. Keys are never changed. */
let lastPads: { key: Buffer; inner: Buffer; outer: Buffer } | undefined

function padded(key: Buffer, pad: number): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES, pad)
  for (let at = 0; at < key.length; at += 1) block[at] = (key[at] ?? 0) ^ pad
  return block
}
