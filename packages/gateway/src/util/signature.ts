import { createHmac, timingSafeEqual } from 'node:crypto'

/** Bytes of HMAC-SHA-256 that are stored with an entry. */
export const SIGNATURE_BYTES = 16

/** Keys derived from one secret: each name has its own, so that no two uses of the secret share a key. */
export type Signer = (name: string) => Buffer

/** Derives keys from what processes share. */
export function signerOf(secret: string): Signer {
  const key = createHmac('sha256', secret).update('llm-gateway semantic 1').digest()
  return (name) => createHmac('sha256', key).update(name).digest()
}

/**
 * Signs an entry for the one place where it may stand: a value that was changed, made up, or copied from another place
 * does not match.
 *
 * @param place Everything but the bytes that an entry is bound to; ends with a line break.
 */
export function signatureOf(key: Buffer, place: string, ...parts: Buffer[]): Buffer {
  const hmac = createHmac('sha256', key).update(place)
  for (const part of parts) hmac.update(part)
  return hmac.digest().subarray(0, SIGNATURE_BYTES)
}

/** Whether `signature` is that of the parts in this place; takes the same time whatever differs. */
export function isSigned(signature: Buffer, key: Buffer, place: string, ...parts: Buffer[]): boolean {
  return signature.length === SIGNATURE_BYTES && timingSafeEqual(signature, signatureOf(key, place, ...parts))
}
