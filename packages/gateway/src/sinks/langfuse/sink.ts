import type { ApiIngestionEvent, Langfuse } from 'langfuse'
import { errorText, isInstance } from '../../util/error-text.ts'
import type { SinkDeps } from '../backend.ts'
import { deliveryOf, type ItemResult } from '../batch.ts'
import { exportSpans } from '../otlp/export.ts'
import { type Delivery, DeliveryError, type Report, type Sink } from '../sink.ts'
import { warnIfUnusable } from '../unusable.ts'
import { isV4, takesOtlp, versionOf } from './health.ts'
import { connect, eventsOf, ingest, loadLangfuse, scoresOf } from './ingestion.ts'
import { type Observation, observationOf } from './observation.ts'
import type { LangfuseSettings } from './options.ts'
import { receiverOf, spanItem } from './otlp.ts'
import { createProgress } from './progress.ts'
import { runSerially } from './serial.ts'
import { createTraceEnds } from './traces.ts'

type Api = 'ingestion' | 'otlp'
type Item = { report: Report; observation: Observation }

/** Calls of one delivery. A real v2 needs 14 ms of one core for each of a call's four events. */
const MAX_BATCH = 50
const FIRST_BATCH = 2

/**
 * Creates the Langfuse sink. It uses the format that the server stores: v2 knows ingestion only, and v4 answers
 * ingestion with a 207 and stores nothing.
 */
export function createLangfuseSink(settings: LangfuseSettings, { warn }: Pick<SinkDeps, 'warn'>): Sink {
  const { api, baseUrl, publicKey, environment, timeoutMs } = settings
  const progress = createProgress()
  const endsOf = createTraceEnds()
  /** Events are built once, so that a retry sends identical bytes. */
  const eventsByReport = new WeakMap<Report, ApiIngestionEvent[]>()
  let chosen: Api | undefined
  let v4 = false
  let client: Promise<Langfuse> | undefined
  warnIfUnusable(loadLangfuse(), 'langfuse', warn)

  /** Asks for the version once, and again after a failure: the server may have been upgraded. */
  async function chooseApi(signal: AbortSignal): Promise<Api> {
    if (api !== 'auto') return api
    if (chosen !== undefined) return chosen
    const version = await versionOf(baseUrl, signal)
    v4 = isV4(version)
    chosen = takesOtlp(version) ? 'otlp' : 'ingestion'
    return chosen
  }

  function eventsFor({ report, observation }: Item): ApiIngestionEvent[] {
    const events = eventsByReport.get(report) ?? eventsOf(observation, endsOf(observation), settings)
    eventsByReport.set(report, events)
    return events
  }

  async function sendEvents(items: Item[], signal: AbortSignal): Promise<Delivery> {
    const parts = items.map((each) => ({
      report: each.report,
      events: progress.remaining(each.report, eventsFor(each)),
      bytes: each.observation.bytes,
    }))
    const langfuse = await connected()
    const { results, notAccepted } = await runSerially(`${baseUrl} ${publicKey}`, signal, () =>
      ingest(langfuse, parts, progress, signal),
    )
    if (!notAccepted) return deliveryOf(reportsOf(items), results)
    if (api !== 'auto') throw new DeliveryError(`${STORES_NOTHING}: ${REMEDY}`)
    chosen = 'otlp'
    v4 = true
    const delivery = await sendSpans(items, signal).catch((error: unknown) => {
      if (!isInstance(error, DeliveryError)) throw error
      throw new DeliveryError(`${STORES_NOTHING}, and of OpenTelemetry neither: ${error.message}`)
    })
    return {
      ...delivery,
      reason: delivery.reason ?? `${STORES_NOTHING}; it gets OpenTelemetry from now on`,
    }
  }

  /** Sends spans, then the scores that refer to them, through the ingestion endpoint that every version has. */
  async function sendSpans(items: Item[], signal: AbortSignal): Promise<Delivery> {
    const due = items.filter(({ report }) => progress.remaining(report, [SPAN]).length > 0)
    const spans = due.map(({ report, observation }) => spanItem(report, observation, settings))
    const results = await exportSpans(receiverOf(settings, v4), spans, signal)
    for (const [report, result] of results)
      if (result === 'accepted' || 'rejected' in result) progress.note(report, SPAN.id, result)
    const scores = items.flatMap((each) => {
      const { report } = each
      const result = results.get(report) ?? 'accepted'
      const events = result === 'accepted' ? progress.remaining(report, scoresFor(each)) : []
      return events.length === 0 ? [] : [{ report, events, bytes: SCORES_BYTES }]
    })
    const scored = await sendScores(scores, signal)
    return deliveryOf(reportsOf(items), new Map([...results, ...scored]))
  }

  const scoresFor = ({ observation }: Item) =>
    scoresOf(observation, observation.otelTraceId, observation.otelId, environment)

  /** A failure here concerns the scores only: the spans have arrived. */
  async function sendScores(
    scores: Parameters<typeof ingest>[1],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<Report, ItemResult>> {
    try {
      return (await ingest(await connected(), scores, progress, signal)).results
    } catch (error) {
      if (!isInstance(error, DeliveryError)) throw error
      const { message: retry, unsure } = error
      return new Map(scores.map(({ report }) => [report, { retry, unsure }]))
    }
  }

  function connected(): Promise<Langfuse> {
    client ??= connect(settings).catch((cause: unknown) => {
      client = undefined
      throw new DeliveryError(errorText(cause), { cause })
    })
    return client
  }

  return {
    name: 'langfuse',
    batch: MAX_BATCH,
    start: FIRST_BATCH,
    deadlineMs: timeoutMs,
    async deliver(reports, signal) {
      const items = reports.map((report) => ({ report, observation: observationOf(report) }))
      try {
        return (await chooseApi(signal)) === 'otlp'
          ? await sendSpans(items, signal)
          : await sendEvents(items, signal)
      } catch (error) {
        if (isInstance(error, DeliveryError)) chosen = undefined
        throw error
      }
    },
  }
}

const reportsOf = (items: Item[]) => items.map(({ report }) => report)

/** Id in `progress` of a call's only span. */
const SPAN = { id: 'span' }

const STORES_NOTHING =
  'this Langfuse answers 207 and stores nothing of its old format (“Event type not accepted”)'

const REMEDY =
  "leave gateway.langfuse.api at 'auto', or set LANGFUSE_MIGRATION_V4_WRITE_MODE=dual on the server"

const SCORES_BYTES = 1_000
