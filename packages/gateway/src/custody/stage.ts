import type { Call, Stage } from '../call.ts'
import { refuse } from '../refuse.ts'
import type { Keeper } from './keeper.ts'

/** Exchanges the team key for upstream's own, at the last moment: nothing above ever sees that one. */
export function custody(keeper: Keeper): Stage {
  return (next) =>
    async function custody(call) {
      const { teamKey, caller, outgoing } = call
      const { headers, frozen, path } = outgoing
      if (teamKey === undefined || frozen || path === undefined || !standsIn(headers, teamKey))
        return await next(call)
      const opened = keeper.open(caller.team, teamKey)
      const key = opened instanceof Promise ? await opened : opened
      if (typeof key !== 'string') return refuse(call, key)
      const reply = await next(withKey(call, key))
      if (reply.recording.status !== 401) return reply
      // It may have been exchanged a moment ago.
      const other = await keeper.instead(key, caller.team, teamKey)
      return other === undefined ? reply : await next(withKey(call, other))
    }
}

/** What a client shows that has no key for upstream. It never leaves this process. */
export const PLACEHOLDER = 'kept-by-llm-gateway'

/** Whether what stands where upstream's key would is there for want of one; another key is the caller's own wish. */
export function standsIn(headers: Headers, teamKey: string): boolean {
  const given = headers.get('authorization')
  return given === null || given === `Bearer ${PLACEHOLDER}` || given === `Bearer ${teamKey}`
}

const withKey = (call: Call, key: string): Call => ({
  ...call,
  outgoing: { ...call.outgoing, headers: authorized(call.outgoing.headers, key) },
})

/** A copy: the caller's own headers never hold it. */
export function authorized(headers: HeadersInit | undefined, key: string): Headers {
  const own = new Headers(headers)
  own.set('authorization', `Bearer ${key}`)
  return own
}
