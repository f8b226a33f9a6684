import { refuse } from '../body/refusal-response.ts'
import type { Call, Stage } from '../core/call.ts'
import type { Refusal } from '../core/refusal-codes.ts'
import type { KeyProvider } from './key-provider.ts'

/**
 * Refuses, before any cache is asked, calls whose team key is no longer sealed. Costs nothing while the key is
 * cached, a minute at a time. While Redis is unavailable a revocation is unknown, and cached answers are served.
 */
export function revoked(keyProvider: KeyProvider): Stage {
  return (next) => {
    async function ask(call: Call, opening: Promise<string | Refusal>) {
      const opened = await opening
      const isRevoked = typeof opened !== 'string' && opened.code === 'gateway_key_not_sealed'
      return isRevoked ? refuse(call, opened) : await next(call)
    }

    return function revoked(call) {
      const { teamKey, caller, outbound, policy } = call
      if (teamKey === undefined || outbound.signed) return next(call)
      if (!policy.egress.lacksKey(outbound.headers, teamKey)) return next(call)
      const opened = keyProvider.open(caller.team, teamKey)
      return typeof opened === 'string' ? next(call) : ask(call, opened)
    }
  }
}
