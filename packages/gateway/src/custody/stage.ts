import { refuse } from '../body/refusal-response.ts'
import type { Call, Stage } from '../core/call.ts'
import { originOf, strayKey, withAuthorization } from '../egress/egress.ts'
import type { KeyProvider } from './key-provider.ts'

/** Exchanges the team key for the upstream key as the last step: no stage above sees the upstream key. */
export function custody(keyProvider: KeyProvider): Stage {
  return (next) =>
    async function custody(call) {
      const { teamKey, caller, outbound, policy } = call
      if (teamKey === undefined || outbound.signed || !policy.egress.lacksKey(outbound.headers, teamKey))
        return await next(call)
      const origin = originOf(outbound.url)
      const home = outbound.keys?.home
      if (origin === undefined || origin !== home) return refuse(call, strayKey(origin, home))
      const opened = keyProvider.open(caller.team, teamKey)
      const key = opened instanceof Promise ? await opened : opened
      if (typeof key !== 'string') return refuse(call, key)
      const reply = await next(withKey(call, key, origin))
      if (reply.recording.status !== 401) return reply
      // The key may have been rotated a moment ago.
      const other = await keyProvider.afterRejected(key, caller.team, teamKey)
      return other === undefined ? reply : await next(withKey(call, other, origin))
    }
}

const withKey = (call: Call, key: string, origin: string): Call => {
  const { outbound } = call
  const keys = { ...outbound.keys, opened: { key, origin } }
  return { ...call, outbound: { ...outbound, keys, headers: withAuthorization(outbound.headers, key) } }
}
