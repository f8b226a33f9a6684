import type { Handler, Stage } from '../core/call.ts'
import { errorText } from '../util/error-text.ts'
import type { Warn } from '../util/log.ts'
import type { SemanticParts } from './lookup.ts'

/**
 * Answers what has been asked in other words, for the agents whose policy asks for it. All that takes is loaded when the
 * first of them calls, which waits for it: the programs of all others need none of it.
 */
export function semantic(load: () => Promise<SemanticParts>, pipeline: Handler, say: Warn): Stage {
  return (next) => {
    let loading: Promise<Handler> | undefined

    async function open(): Promise<Handler> {
      const [{ createLookup: answering }, parts] = await Promise.all([import('./lookup.ts'), load()])
      return answering(parts, pipeline)(next)
    }

    return async function semantic(call) {
      const { caller, controls, revalidates } = call
      if (caller.semantic === undefined || !controls.cache.semantic || revalidates) return await next(call)
      let answer: Handler
      try {
        loading ??= open()
        answer = await loading
      } catch (error) {
        say(
          'semantic',
          `the semantic cache could not be loaded, nothing is answered by meaning: ${errorText(error)}`,
        )
        return await next(call)
      }
      return await answer(call)
    }
  }
}
