import { createGatewayClient, withGateway } from '@hotdash/llm-gateway'
import { requireRedisUrl } from '../cli/connection.ts'
import { counted, printable, whole } from '../cli/format.ts'
import { printFailure, printJson, printNote } from '../cli/output.ts'
import { createProgress } from '../cli/progress.ts'
import { wholeNumber } from '../cli/whole-number.ts'
import { UsageError } from '../core/command.ts'
import { openPlace } from './place.ts'
import { readRequests, type WarmRequest } from './requests.ts'
import type { Values } from './values.ts'

/** Lines that failed, shown one by one. */
const MAX_SHOWN = 10
/** Exit code of a program that SIGINT has stopped. */
const INTERRUPTED = 130

/** How requests ended: by `x-gateway-cache`, or with an error. */
type Counts = { miss: number; hit: number; failed: number; bypassed: number }

/** Sends the requests of a file through a real client, and remembers which are done. */
export async function warm(file: string | undefined, values: Values): Promise<number> {
  if (file === undefined) throw new UsageError('cache warm: which file? One request a line, as JSON.')
  const concurrency = wholeNumber('--concurrency', values.concurrency, 1, 64)
  const agent = values.agent ?? (process.env.LLM_GATEWAY_AGENT || undefined)
  const place = openPlace(file, values.restart)
  const client = createGatewayClient({
    maxRetries: 3,
    gateway: { redis: requireRedisUrl(values.redis), onLimit: 'wait', ...(agent !== undefined && { agent }) },
  })
  const counts: Counts = { miss: 0, hit: 0, failed: 0, bypassed: 0 }
  const failures: string[] = []
  const progress = createProgress(() => textOf(counts, place.doneBefore))
  const stop = stopAtSignal()

  async function send({ line, path, body, agent }: WarmRequest): Promise<void> {
    const own = agent === undefined ? {} : { agent }
    const response = await withGateway(own, () => client.post(path, { body }).asResponse())
    await response.text()
    const cache = response.headers.get('x-gateway-cache')
    counts[cache === 'miss' ? 'miss' : cache === 'bypass' ? 'bypassed' : 'hit'] += 1
    place.done(line)
  }

  async function work(
    requests: AsyncIterator<WarmRequest | { line: number; problem: string }>,
  ): Promise<void> {
    while (!stop.isStopped()) {
      const { value, done } = await requests.next()
      if (done === true) return
      try {
        if ('problem' in value) throw new Error(value.problem)
        await send(value)
      } catch (error) {
        counts.failed += 1
        if (failures.length < MAX_SHOWN) failures.push(`line ${value.line}: ${messageOf(error)}`)
      }
      progress.tick()
    }
  }

  try {
    const requests = readRequests(file, place.isDone)
    await Promise.all(Array.from({ length: concurrency }, () => work(requests)))
    // The answers are stored after they were given.
    await client.gateway.flush()
  } finally {
    progress.end()
    stop.end()
    await client.gateway.close()
    place.save()
  }
  if (!stop.isStopped() && counts.failed === 0) place.forget()
  if (values.json) printJson({ ...counts, before: place.doneBefore, stopped: stop.isStopped(), failures })
  else printNote(textOf(counts, place.doneBefore))
  for (const failure of failures) printFailure(failure)
  if (counts.failed > failures.length) printFailure(`and ${counts.failed - failures.length} more`)
  if (stop.isStopped()) return printNote('Stopped. The same command goes on from here.', INTERRUPTED)
  if (counts.bypassed > 0)
    printNote(
      `${counted(counts.bypassed, 'request')} cannot be cached: docs/caches-and-quotas.md says which.`,
    )
  return counts.failed === 0 ? 0 : 1
}

function textOf({ miss, hit, failed, bypassed }: Counts, before: number): string {
  const parts = [`${whole(miss)} stored`, `${whole(hit)} there already`]
  if (bypassed > 0) parts.push(`${whole(bypassed)} not cacheable`)
  if (failed > 0) parts.push(`${whole(failed)} failed`)
  if (before > 0) parts.push(`${whole(before)} done before`)
  return parts.join(', ')
}

/** Text of upstream must not command a terminal; keys are masked by the client already. */
const messageOf = (error: unknown) =>
  printable((error instanceof Error ? error.message : 'failed').slice(0, 300))

/** After the first signal no request begins, and those under way end: they are paid for. A second one ends the process. */
function stopAtSignal() {
  let isStopped = false
  const stop = () => {
    if (isStopped) process.exit(INTERRUPTED)
    isStopped = true
    printNote('Stopping: requests under way end first. Once more to stop at once.')
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop)
  return {
    isStopped: () => isStopped,
    end() {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stop)
    },
  }
}
