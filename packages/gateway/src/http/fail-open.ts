import type { CompiledPolicy } from '../config/compiled-policy.ts'
import { readHeaders } from '../identify/headers.ts'
import type { CleanRequest } from './clean-request.ts'

/**
 * Returns whether a request may be sent unchanged after a fault, when its caller is unknown: only if the policy in force
 * restricts no caller, and never with a key that belongs to another origin.
 */
export function mayFailOpen(
  { policy }: { policy: () => CompiledPolicy },
  { url, headers, gatewayHeaders }: CleanRequest,
): boolean {
  try {
    const options = gatewayHeaders && readHeaders(gatewayHeaders, () => undefined)
    const { binds, egress } = policy()
    return !binds && egress.strayRefusal({ url, headers, shown: options?.key }) === undefined
  } catch {
    return false
  }
}
