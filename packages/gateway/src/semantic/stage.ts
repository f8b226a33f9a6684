import type { Handler, Stage } from '../core/call.ts'
import type { LimitedLog } from '../core/log-codes.ts'
import { errorText } from '../util/error-text.ts'
import type { SemanticParts } from './lookup.ts'

/**
 * Serves semantic cache hits for agents with `cache.semantic` on. Its modules load on the first such call, which waits
 * for them; other programs never load them.
 */
export function semantic(load: () => Promise<SemanticParts>, pipeline: Handler, warn: LimitedLog): Stage {
  return (next) => {
    let loading: Promise<Handler> | undefined

    async function open(): Promise<Handler> {
      const [{ createLookup }, parts] = await Promise.all([import('./lookup.ts'), load()])
      return createLookup(parts, pipeline)(next)
    }

    return async function semantic(call) {
      const { caller, controls, revalidates } = call
      if (caller.semantic === undefined || !controls.cache.semantic || revalidates) return await next(call)
      let answer: Handler
      try {
        loading ??= open()
        answer = await loading
      } catch (error) {
        warn(
          'GW_SEMANTIC_UNAVAILABLE',
          `the semantic cache could not be loaded and stays off: ${errorText(error)}`,
        )
        return await next(call)
      }
      return await answer(call)
    }
  }
}
