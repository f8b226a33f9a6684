import type { Call, Stage } from '../core/call.ts'
import type { Reply } from '../core/reply.ts'
import { isGivenUp, willRetry } from '../core/retries.ts'

/**
 * Serves a stale answer (stale-if-error) when upstream is down, including the fallback model, and the SDK will not
 * retry.
 */
export function staleIfError(): Stage {
  return (next) =>
    async function stale(call) {
      const reply = await next(call)
      const { staleFallback } = call.state
      if (staleFallback === undefined || !(await isDown(reply, call)) || willRetry(call, reply)) return reply
      return staleFallback() ?? reply
    }
}

/**
 * Whether upstream was unreachable, timed out, or answered with 5xx. A 4xx is an answer; so is the gateway's own
 * refusal.
 */
async function isDown({ via, recording }: Reply, call: Call): Promise<boolean> {
  if (via === 'refused' || isGivenUp(call)) return false
  if (recording.status !== undefined) return recording.status >= 500
  return call.signal.aborted || (await recording.ended).type === 'failed'
}
