import type { CompiledPolicy } from '../config/compiled-policy.ts'
import { readHeaders } from '../identify/headers.ts'
import type { RequestHead } from './request-head.ts'

/**
 * Whether a request may be sent as it is after a fault, its caller unknown: only where the policy in force binds no
 * caller, and never with a key that is not upstream's own.
 */
export function maySend(
  { policy }: { policy: () => CompiledPolicy },
  { url, headers, marked }: RequestHead,
): boolean {
  try {
    const told = marked && readHeaders(marked, () => undefined)
    const { binds, egress } = policy()
    return !binds && egress.strayRefusal({ url, headers, shown: told?.key }) === undefined
  } catch {
    return false
  }
}
