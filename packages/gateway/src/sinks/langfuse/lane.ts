import { raceAbort } from '../../util/timeout.ts'
import { DeliveryError } from '../sink.ts'

/** The last delivery of this process to each project of a server. */
const lanes = new Map<string, Promise<unknown>>()

/**
 * Runs `work` when all deliveries before it to the same project have ended, also those of other clients in this process.
 * v2 reads a trace, merges, and writes it: of two requests that do so at once, one loses its tags.
 * @throws DeliveryError when the signal aborts before its turn; nothing was sent then.
 */
export async function inLane<T>(lane: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const before = lanes.get(lane) ?? Promise.resolve()
  const turn = before.then(() => (signal.aborted ? undefined : work()))
  const end = turn
    .catch(() => undefined)
    .then(() => {
      if (lanes.get(lane) === end) lanes.delete(lane)
    })
  lanes.set(lane, end)
  const mine = await raceAbort(before, signal).then(
    () => true,
    () => false,
  )
  const done = mine ? await turn : undefined
  if (done === undefined) throw new DeliveryError('another client of this process is delivering to Langfuse')
  return done
}
