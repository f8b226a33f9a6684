import { refuse } from '../body/refuse.ts'
import type { Stage } from '../core/call.ts'
import { keysOf } from '../fingerprint/key.ts'
import type { DeferredQueue } from '../util/deferred.ts'
import type { Warn } from '../util/log.ts'
import { litellmCacheControl, litellmFields } from './request.ts'

const STRAIGHT =
  'Requests that a provider signs, or whose address names a deployment, cannot go through the LiteLLM proxy: they go straight, neither cached nor counted.'

/**
 * Says in LiteLLM's words what our own cache would have been told, and where those who ask the same at the same time
 * meet: the proxy would ask upstream once for each of them.
 */
export function litellmControls(say: Warn, later: DeferredQueue): Stage {
  return (next) =>
    async function tell(call) {
      const { controls, caller, outbound: outgoing } = call
      if (outgoing.path === undefined) {
        say('straight', STRAIGHT)
        return await next(call)
      }
      if (controls.cache.onlyIfCached) {
        const message =
          'Whether the LiteLLM proxy has an answer cannot be asked without asking for one (only-if-cached).'
        return refuse(call, { code: 'gateway_not_cached', message })
      }
      const keys = caller.cacheable ? keysOf(call) : { bypass: 'off' }
      const bypass = 'bypass' in keys ? keys.bypass : undefined
      const edits = litellmFields(call, litellmCacheControl(call, bypass))
      const meets = 'flight' in keys && controls.cache.read
      const flight = meets ? { flight: `${keys.flight} ${outgoing.headers.get('authorization')}` } : {}
      const reply = await next({ ...call, ...flight, outbound: { ...outgoing, bodyEdits: edits } })
      // The proxy puts its answers away by itself; whoever comes later asks it.
      later.after(reply.recording.ended, () => reply.onStored?.(false))
      const reason = bypass ?? (controls.cache.read ? undefined : 'no-cache')
      return reason === undefined ? reply : { ...reply, bypass: reason }
    }
}
