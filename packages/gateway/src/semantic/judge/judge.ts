import type { Call, Handler } from '../../core/call.ts'
import type { Reply } from '../../core/reply.ts'
import { signalAfter } from '../../util/timers.ts'
import { anonymousCall } from '../embedding/derived-call.ts'
import { jsonOf } from '../embedding/openai.ts'
import type { Candidate } from '../store/port.ts'
import { judgementOf } from './prompt.ts'
import { type Verdict, verdictsOf } from './verdicts.ts'

/** Longest judgement in milliseconds; no caller waits for it. */
const TIMEOUT_MS = 30_000
/**
 * Asks a cheap model which answers would also answer the question, on behalf of the caller's call. Questions and answers may be
 * of other users, so the judge's call belongs to none. `fresh`: the text of the answer that upstream has just given to it, judged
 * as the last one. `bill` is called with the reply, which has its cost.
 * Returns one verdict per answer, or `undefined` if the judge failed or replied in another form.
 */
export async function judge(
  pipeline: Handler,
  call: Call,
  asked: string,
  near: readonly Candidate[],
  model: string,
  fresh?: string,
  bill?: (reply: Reply) => void,
): Promise<Verdict[] | undefined> {
  const signal = signalAfter(TIMEOUT_MS)
  const body = judgementOf(asked, near, model, fresh)
  try {
    const reply = await pipeline(anonymousCall(call, { operation: 'chat', body, signal }))
    bill?.(reply)
    return verdictsOf(await jsonOf(reply, signal), near.length + (fresh === undefined ? 0 : 1))
  } catch {
    return undefined
  }
}
