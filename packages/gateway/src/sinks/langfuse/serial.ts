import { raceAbort } from '../../util/timeout.ts'
import { DeliveryError } from '../sink.ts'

/** Last delivery of this process to each project of a server. */
const tails = new Map<string, Promise<unknown>>()

/**
 * Runs `work` after all earlier deliveries to the same project, including those of other clients in this process.
 * Langfuse v2 reads, merges and writes a trace without a lock: of two concurrent requests, one loses its tags.
 * @throws DeliveryError if the signal aborts before its turn; nothing was sent then.
 */
export async function runSerially<T>(lane: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const before = tails.get(lane) ?? Promise.resolve()
  const turn = before.then(() => (signal.aborted ? undefined : work()))
  const end = turn
    .catch(() => undefined)
    .then(() => {
      if (tails.get(lane) === end) tails.delete(lane)
    })
  tails.set(lane, end)
  const mine = await raceAbort(before, signal).then(
    () => true,
    () => false,
  )
  const done = mine ? await turn : undefined
  if (done === undefined) throw new DeliveryError('another client of this process is delivering to Langfuse')
  return done
}
