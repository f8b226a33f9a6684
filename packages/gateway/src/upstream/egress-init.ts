import type { Egress, OutgoingHead } from '../core/egress.ts'
import type { Refusal } from '../core/refusal.ts'
import { isStandard } from './request.ts'

/**
 * What must be added to a request for its keys to stay where they belong, or why it must not leave. A redirect takes a
 * key along unless `fetch` is known to leave it behind: such a redirect is handed over and not followed.
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
