import { refuse } from '../body/refusal-response.ts'
import type { Stage } from '../core/call.ts'

/** Refuses callers whose claimed identity is not proven. */
export const identify: Stage = (next) =>
  function identify(call) {
    const { refusal } = call.caller
    return refusal === undefined ? next(call) : Promise.resolve(refuse(call, refusal))
  }
