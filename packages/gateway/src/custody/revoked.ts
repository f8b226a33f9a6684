import { refuse } from '../body/refuse.ts'
import type { Call, Stage } from '../core/call.ts'
import type { Refusal } from '../core/refusal.ts'
import type { KeyProvider } from './key-provider.ts'

/**
 * Turns away, before any cache is asked, a team key that is sealed no more. Costs nothing while the key is known, which it
 * is for a minute at a time. Where Redis cannot be asked, that it was revoked is not known: answers at hand are given.
 */
export function revoked(keeper: KeyProvider): Stage {
  return (next) => {
    async function ask(call: Call, opening: Promise<string | Refusal>) {
      const opened = await opening
      const isRevoked = typeof opened !== 'string' && opened.code === 'gateway_key_not_sealed'
      return isRevoked ? refuse(call, opened) : await next(call)
    }

    return function revoked(call) {
      const { teamKey, caller, outbound: outgoing, policy: rules } = call
      if (teamKey === undefined || outgoing.signed) return next(call)
      if (!rules.egress.lacksKey(outgoing.headers, teamKey)) return next(call)
      const opened = keeper.open(caller.team, teamKey)
      return typeof opened === 'string' ? next(call) : ask(call, opened)
    }
  }
}
