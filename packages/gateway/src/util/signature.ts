import { createHmac, timingSafeEqual } from 'node:crypto'

/** Bytes of HMAC-SHA-256 that are stored with an entry. */
export const SIGNATURE_BYTES = 16

/** Derives a key per name from one secret, so that no two uses of the secret share a key. */
export type Signer = (name: string) => Buffer

/** Creates the derivation from a secret that processes share. */
export function signerOf(secret: string): Signer {
  const key = createHmac('sha256', secret).update('llm-gateway semantic 1').digest()
  return (name) => createHmac('sha256', key).update(name).digest()
}

/**
 * Signs an entry for one storage key: an entry that was changed, forged, or copied from another key does not match.
 * @param place Everything the entry is bound to except its bytes; ends with a line break.
 */
export function signatureOf(key: Buffer, place: string, ...parts: Buffer[]): Buffer {
  const hmac = createHmac('sha256', key).update(place)
  for (const part of parts) hmac.update(part)
  return hmac.digest().subarray(0, SIGNATURE_BYTES)
}

/** Verifies a signature in constant time. */
export function isSigned(signature: Buffer, key: Buffer, place: string, ...parts: Buffer[]): boolean {
  return signature.length === SIGNATURE_BYTES && timingSafeEqual(signature, signatureOf(key, place, ...parts))
}
