import type { Asked } from './asked.ts'
import { PLACEHOLDER } from './custody/stage.ts'
import { readHeaders } from './identify/headers.ts'
import type { Refusal } from './refuse.ts'
import type { Rules } from './rules.ts'
import type { Settings } from './settings.ts'

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
export function maySend(
  { settings, rules }: { settings: Settings; rules: () => Rules },
  { headers, marked }: Asked,
): boolean {
  try {
    const told = marked && readHeaders(marked, () => undefined)
    return !rules().binds && showsUpstreamsKey(headers, [told?.key, settings.key])
  } catch {
    return false
  }
}

/** False: what stands in its place is the placeholder, or one of these team keys. */
export function showsUpstreamsKey(headers: Headers, teamKeys: (string | undefined)[]): boolean {
  const given = headers.get('authorization')
  const others = [PLACEHOLDER, ...teamKeys.filter((key) => key !== undefined)]
  return others.every((key) => given !== `Bearer ${key}`)
}
