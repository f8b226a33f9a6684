import type { Asked } from '../http/request-head.ts'
import { readHeaders } from '../identify/headers.ts'
import type { Refusal } from '../body/refuse.ts'
import type { Rules } from '../config/compiled-policy.ts'

/** The refusal of a call in which the gateway itself failed. Not retried: the same call would fail the same way. */
export const FAULT: Refusal = {
  code: 'gateway_fault',
  message: 'The gateway failed before it could check this call, and did not send it.',
}

/** The same once the request had been sent: it is never sent twice. */
export const FAULT_AFTER: Refusal = {
  code: 'gateway_fault',
  message: 'The gateway failed after the request was sent. It may have been answered, and billed.',
}

/**
 * Whether a request may be sent as it is after a fault, its caller unknown: only where the policy in force binds no
 * caller, and never with a key that is not upstream's own.
 */
export function maySend({ rules }: { rules: () => Rules }, { url, headers, marked }: Asked): boolean {
  try {
    const told = marked && readHeaders(marked, () => undefined)
    const { binds, egress } = rules()
    return !binds && egress.strays({ url, headers, shown: told?.key }) === undefined
  } catch {
    return false
  }
}
