import { LRUCache } from 'lru-cache'
import { errorCode } from '../body/error-code.ts'
import { refuse } from '../body/refusal-response.ts'
import type { Call, Handler, Stage } from '../core/call.ts'
import { abortedReply, type Reply } from '../core/reply.ts'
import { type Answer, createPriorityQueue, type PriorityQueue } from '../queue/priority-queue.ts'
import { queueFull, type WaitPolicy, waitInQueue, waitPolicyOf } from '../queue/wait-policy.ts'
import { detached, type Fault, guarded } from '../util/faults.ts'
import { clearTimer, setTimer } from '../util/timers.ts'
import { withResolvers } from '../util/with-resolvers.ts'
import { cooldownFrom } from './retry-after.ts'

/**
 * State of an upstream after a 429: the end of the pause, by `performance.now()`, and the number of concurrent calls
 * after it.
 */
type Cooldown = { queue: PriorityQueue; until: number; concurrency: number }

/** Milliseconds after a pause during which returning calls still start one by one. */
const LINGER_MS = 10_000
const MAX_COOLDOWNS = 100
const MAX_CONCURRENCY = 64
/** A 429 comes at once: a call without an answer after this time is being served, and the next may start. */
const SERVED_AFTER_MS = 1_000

/**
 * After a 429, calls that may wait queue up, all teams in one queue, until the pause is over; then they start one at
 * a time, two at a time, and so on as they succeed. Calls that do not wait are sent as usual: they get upstream's
 * answer, and the SDK retries.
 */
export function throttle(gauge: { waiting: number }, fault: Fault): Stage {
  const cooldowns = new LRUCache<string, Cooldown>({ max: MAX_COOLDOWNS })

  return (next) =>
    async function throttle(call) {
      const cooldown = cooldowns.size === 0 ? undefined : cooldownOf(call)
      if (cooldown !== undefined) {
        const waitPolicy = waitPolicyOf(call)
        if (waitPolicy !== undefined && cooldown.until <= waitPolicy.until)
          return await sendQueued(next, call, cooldown, waitPolicy)
      }
      const reply = await next(call)
      if (reply.recording.status === 429) detached(startCooldown(call, reply), fault, 'a pause')
      return reply
    }

  async function sendQueued(
    next: Handler,
    call: Call,
    cooldown: Cooldown,
    waitPolicy: WaitPolicy,
  ): Promise<Reply> {
    if (cooldown.queue.size() >= waitPolicy.maxQueued) return refuse(call, queueFull(call, cooldown.queue))
    const slot = withResolvers<void>()
    const tryAdmit = async (): Promise<Answer> =>
      cooldown.until > performance.now()
        ? { type: 'again', at: cooldown.until }
        : { type: 'in', slot: slot.promise }
    const { outcome } = await waitInQueue(cooldown.queue, call, waitPolicy, {
      tryAdmit,
      undo: () => undefined,
    })
    if (outcome === 'left') return abortedReply(call)

    const servedTimer = setTimer(() => guarded(succeeded, fault, 'a pause'), SERVED_AFTER_MS)
    servedTimer.unref()
    const reply = await next({ ...call, releaseUpstreamSlot: done }).catch((why) => {
      done()
      throw why
    })
    if (reply.recording.status === 429) detached(startCooldown(call, reply).finally(done), fault, 'a pause')
    else if (reply.via === 'upstream' && reply.recording.status !== undefined) succeeded()
    else done()
    return reply

    function succeeded() {
      if (cooldown.until <= performance.now()) {
        cooldown.concurrency = Math.min(MAX_CONCURRENCY, cooldown.concurrency + 1)
        cooldown.queue.setConcurrency(cooldown.concurrency)
      }
      done()
    }
    function done() {
      clearTimer(servedTimer)
      slot.resolve()
    }
  }

  async function startCooldown(call: Call, reply: Reply): Promise<void> {
    if (reply.via !== 'upstream' || (await errorCode(reply, call)) === 'insufficient_quota') return
    const until = performance.now() + cooldownFrom(reply.recording.headers)
    const cooldown = cooldownOf(call) ?? {
      queue: createPriorityQueue(gauge, () => undefined),
      until,
      concurrency: 1,
    }
    cooldown.until = Math.max(cooldown.until, until)
    cooldown.concurrency = 1
    cooldown.queue.setConcurrency(1)
    detached(cooldown.queue.pauseUntil(cooldown.until), fault, 'a pause')
    cooldowns.set(keyOf(call), cooldown)
  }

  function cooldownOf(call: Call): Cooldown | undefined {
    const key = keyOf(call)
    const cooldown = cooldowns.get(key)
    if (cooldown === undefined || cooldown.until + LINGER_MS > performance.now() || !cooldown.queue.isEmpty())
      return cooldown
    cooldowns.delete(key)
    return undefined
  }
}

/** Upstream counts by account and model. */
const keyOf = ({ outbound, model }: Call) =>
  `${new URL(outbound.url).origin}\n${model}\n${outbound.headers.get('authorization')}`
