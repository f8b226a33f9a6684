import type { Egress, OutgoingHead } from '../core/egress.ts'
import type { Refusal } from '../core/refusal-codes.ts'
import { isStandard } from './request.ts'

/**
 * Returns the options that keep a request's keys at their origin, or the refusal of a request that must not be sent. With
 * `redirect: 'manual'` a redirect is returned and not followed; it is set unless `fetch` is known to remove the key from a
 * redirected request.
 */
export function egressInit(
  egress: Egress,
  transport: typeof fetch,
  request: OutgoingHead,
): RequestInit | Refusal {
  const refusal = egress.strayRefusal(request)
  if (refusal !== undefined) return refusal
  const carries = egress.redirectCarries(request)
  const isSafe = carries === 'nothing' || (carries === 'authorization' && isStandard(transport))
  return isSafe ? {} : { redirect: 'manual' }
}
