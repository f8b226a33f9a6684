import type { Plan } from './plan.ts'

/** Bytes in pieces of 1 to `longest` bytes. */
export function cut(bytes: Uint8Array, longest: number, random: () => number): Uint8Array[] {
  if (longest === 0) return bytes.byteLength === 0 ? [] : [bytes]
  const pieces: Uint8Array[] = []
  for (let at = 0; at < bytes.byteLength; ) {
    const next = Math.min(bytes.byteLength, at + 1 + Math.floor(random() * longest))
    pieces.push(bytes.slice(at, next))
    at = next
  }
  return pieces
}

/** As many pieces at most as make no test wait: long bodies come in longer ones. */
export const longestOf = ({ piece }: Plan, bytes: number, most = 400) =>
  piece === 0 ? 0 : Math.max(piece, Math.ceil((2 * bytes) / most))

export const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
export const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
