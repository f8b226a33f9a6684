import { errorCode } from '../body/error-code.ts'
import { refuse } from '../body/refuse.ts'
import type { Call, Handler, Stage } from '../core/call.ts'
import type { Reply } from '../core/reply.ts'
import { type Answer, createPriorityQueue, type PriorityQueue } from '../queue/priority-queue.ts'
import { abortedReply, queueFull, type WaitPolicy, waitInQueue, waitPolicyOf } from '../queue/wait-policy.ts'
import { detached, type Fault, guarded } from '../util/faults.ts'
import { clearTimer, setTimer } from '../util/timers.ts'
import { cooldownFrom } from './retry-after.ts'

/** An upstream that has said 429: the moment until which it is left alone, and how many calls then go at a time. */
type Cooldown = { line: PriorityQueue; until: number; width: number }

/** So long after a pause, calls that come back still go one by one at first. */
const LINGER_MS = 10_000
const MAX_COOLDOWNS = 100
const MAX_WIDTH = 64
/** A 429 comes at once. Who has heard nothing for so long is being answered, and the next may go. */
const HEARD_MS = 1_000

/**
 * After a 429 from upstream, calls that may wait stand in one line for all teams until it is over, and are then let go
 * one at a time, two at a time, and so on as they succeed. Calls that do not wait go on as they are: upstream's answer
 * is theirs, and so are the SDK's retries.
 */
export function throttle(gauge: { waiting: number }, fault: Fault): Stage {
  const jams = new Map<string, Cooldown>()

  return (next) =>
    async function pace(call) {
      const jam = jams.size === 0 ? undefined : jamOf(call)
      if (jam !== undefined) {
        const patience = waitPolicyOf(call)
        if (patience !== undefined && jam.until <= patience.until)
          return await inLine(next, call, jam, patience)
      }
      const reply = await next(call)
      if (reply.recording.status === 429) detached(notice(call, reply), fault, 'a pause')
      return reply
    }

  async function inLine(next: Handler, call: Call, jam: Cooldown, patience: WaitPolicy): Promise<Reply> {
    if (jam.line.size() >= patience.maxQueued) return refuse(call, queueFull(call, jam.line))
    const slot = Promise.withResolvers<void>()
    const ask = async (): Promise<Answer> =>
      jam.until > performance.now() ? { type: 'again', at: jam.until } : { type: 'in', slot: slot.promise }
    const { outcome } = await waitInQueue(jam.line, call, patience, { ask, undo: () => undefined })
    if (outcome === 'left') return abortedReply(call)

    const heard = setTimer(() => guarded(succeeded, fault, 'a pause'), HEARD_MS)
    heard.unref()
    const reply = await next({ ...call, releaseUpstreamSlot: done }).catch((why) => {
      done()
      throw why
    })
    if (reply.recording.status === 429) detached(notice(call, reply).finally(done), fault, 'a pause')
    else if (reply.via === 'upstream' && reply.recording.status !== undefined) succeeded()
    else done()
    return reply

    function succeeded() {
      if (jam.until <= performance.now()) {
        jam.width = Math.min(MAX_WIDTH, jam.width + 1)
        jam.line.widen(jam.width)
      }
      done()
    }
    function done() {
      clearTimer(heard)
      slot.resolve()
    }
  }

  async function notice(call: Call, reply: Reply): Promise<void> {
    if (reply.via !== 'upstream' || (await errorCode(reply, call)) === 'insufficient_quota') return
    const until = performance.now() + cooldownFrom(reply.recording.headers)
    const jam = jamOf(call) ?? { line: createPriorityQueue(gauge, () => undefined), until, width: 1 }
    jam.until = Math.max(jam.until, until)
    jam.width = 1
    jam.line.widen(1)
    detached(jam.line.pauseUntil(jam.until), fault, 'a pause')
    jams.set(keyOf(call), jam)
    const [oldest] = jams.size > MAX_COOLDOWNS ? jams.keys() : []
    if (oldest !== undefined) jams.delete(oldest)
  }

  function jamOf(call: Call): Cooldown | undefined {
    const key = keyOf(call)
    const jam = jams.get(key)
    if (jam === undefined || jam.until + LINGER_MS > performance.now() || !jam.line.isEmpty()) return jam
    jams.delete(key)
    return undefined
  }
}

/** Upstream counts by account and model. */
const keyOf = ({ outbound: outgoing, model }: Call) =>
  `${new URL(outgoing.url).origin}\n${model}\n${outgoing.headers.get('authorization')}`
