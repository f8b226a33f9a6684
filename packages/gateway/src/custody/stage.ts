import { refuse } from '../body/refuse.ts'
import type { Call, Stage } from '../core/call.ts'
import { originOf, strayKey, withAuthorization } from '../egress/egress.ts'
import type { KeyProvider } from './key-provider.ts'

/** Exchanges the team key for upstream's own, at the last moment: nothing above ever sees that one. */
export function custody(keeper: KeyProvider): Stage {
  return (next) =>
    async function custody(call) {
      const { teamKey, caller, outbound: outgoing, policy: rules } = call
      if (teamKey === undefined || outgoing.signed || !rules.egress.lacksKey(outgoing.headers, teamKey))
        return await next(call)
      const origin = originOf(outgoing.url)
      const home = outgoing.keys?.home
      if (origin === undefined || origin !== home) return refuse(call, strayKey(origin, home))
      const opened = keeper.open(caller.team, teamKey)
      const key = opened instanceof Promise ? await opened : opened
      if (typeof key !== 'string') return refuse(call, key)
      const reply = await next(opening(call, key, origin))
      if (reply.recording.status !== 401) return reply
      // It may have been exchanged a moment ago.
      const other = await keeper.afterRejected(key, caller.team, teamKey)
      return other === undefined ? reply : await next(opening(call, other, origin))
    }
}

const opening = (call: Call, key: string, origin: string): Call => {
  const { outbound: outgoing } = call
  const keys = { ...outgoing.keys, opened: { key, origin } }
  return { ...call, outbound: { ...outgoing, keys, headers: withAuthorization(outgoing.headers, key) } }
}
