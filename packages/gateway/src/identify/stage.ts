import { refuse } from '../body/refuse.ts'
import type { Stage } from '../core/call.ts'

/** Turns away whoever claims to be somebody and cannot show it. */
export const identify: Stage = (next) =>
  async function identify(call) {
    const { refusal } = call.caller
    return refusal === undefined ? await next(call) : refuse(call, refusal)
  }
