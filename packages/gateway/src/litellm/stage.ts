import { refuse } from '../body/refusal-response.ts'
import type { Stage } from '../core/call.ts'
import type { LimitedLog } from '../core/log-codes.ts'
import { keysOf } from '../fingerprint/key.ts'
import type { DeferredQueue } from '../util/deferred.ts'
import { litellmCacheControl, litellmFields } from './request.ts'

const NOT_PROXIED =
  'Requests that a provider signs, or whose address names a deployment, cannot go through the LiteLLM proxy: they go directly to upstream, neither cached nor counted.'

/**
 * Replaces the exact cache in mode `litellm`: writes cache controls into LiteLLM's fields, and names the flight,
 * since the proxy would send identical concurrent calls to upstream one by one.
 */
export function litellmControls(warn: LimitedLog, deferred: DeferredQueue): Stage {
  return (next) =>
    async function litellmControls(call) {
      const { controls, caller, outbound } = call
      if (outbound.path === undefined) {
        warn('GW_PROXY_BYPASSED', NOT_PROXIED)
        return await next(call)
      }
      if (controls.cache.onlyIfCached) {
        const message =
          'only-if-cached is not supported through the LiteLLM proxy: its cache cannot be read without asking upstream.'
        return refuse(call, { code: 'gateway_not_cached', message })
      }
      const keys = caller.cacheable ? keysOf(call) : { bypass: 'off' }
      const bypass = 'bypass' in keys ? keys.bypass : undefined
      const edits = litellmFields(call, litellmCacheControl(call, bypass))
      const canShare = 'flight' in keys && controls.cache.read
      const flight = canShare ? { flight: `${keys.flight} ${outbound.headers.get('authorization')}` } : {}
      const reply = await next({ ...call, ...flight, outbound: { ...outbound, bodyEdits: edits } })
      // The proxy stores its answers itself; later calls ask it.
      deferred.after(reply.recording.ended, () => reply.onStored?.(false))
      const reason = bypass ?? (controls.cache.read ? undefined : 'no-cache')
      return reason === undefined ? reply : { ...reply, bypass: reason }
    }
}
