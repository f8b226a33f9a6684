import type { Call, Stage } from '../core/call.ts'
import type { Reply } from '../core/reply.ts'
import { isGivenUp, willRetry } from '../core/retries.ts'

/**
 * What if upstream is down, the other model included, and the SDK will not try again? Then an answer that is a little
 * too old is better than none.
 */
export function stale(): Stage {
  return (next) =>
    async function stale(call) {
      const reply = await next(call)
      const { staleFallback: lastResort } = call.state
      if (lastResort === undefined || !(await isDown(reply, call)) || willRetry(call, reply)) return reply
      return lastResort() ?? reply
    }
}

/** Not reached, not answered in time, or broken. A 4xx is an answer; so is our own refusal. */
async function isDown({ via, recording }: Reply, call: Call): Promise<boolean> {
  if (via === 'refused' || isGivenUp(call)) return false
  if (recording.status !== undefined) return recording.status >= 500
  return call.signal.aborted || (await recording.ended).type === 'failed'
}
