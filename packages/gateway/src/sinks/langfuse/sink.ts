import type { ApiIngestionEvent, Langfuse } from 'langfuse'
import { deliveryOf, type ItemResult } from '../batch.ts'
import { exportSpans } from '../otlp/export.ts'
import { type Delivery, DeliveryError, type Report, type Sink } from '../sink.ts'
import { isV4, takesOtlp, versionOf } from './health.ts'
import { connect, eventsOf, ingest, scoresOf } from './ingestion.ts'
import { inLane } from './lane.ts'
import { type Observation, observationOf } from './observation.ts'
import type { LangfuseSettings } from './options.ts'
import { receiverOf, spanPart } from './otlp.ts'
import { createProgress } from './progress.ts'
import { createTraceEnds } from './traces.ts'

type Way = 'ingestion' | 'otlp'
type Told = { report: Report; observation: Observation }

/** Of one delivery. A real v2 needs 14 ms for each of a call's four events, on a core of its own. */
const MOST = 50
const FIRST = 2

/**
 * Langfuse, by whichever of its two formats the server takes: v2 knows only the first, v4 answers the first with a 207
 * and stores nothing of it.
 */
export function createLangfuseSink(settings: LangfuseSettings): Sink {
  const { api, baseUrl, publicKey, environment, timeoutMs } = settings
  const progress = createProgress()
  const endsOf = createTraceEnds()
  /** Made once: what is sent again is the same, to the letter. */
  const made = new WeakMap<Report, ApiIngestionEvent[]>()
  let way: Way | undefined
  let v4 = false
  let client: Promise<Langfuse> | undefined

  /** Asked once, and again after trouble: a server may have been exchanged for another version. */
  async function choose(signal: AbortSignal): Promise<Way> {
    if (api !== 'auto') return api
    if (way !== undefined) return way
    const version = await versionOf(baseUrl, signal)
    v4 = isV4(version)
    way = takesOtlp(version) ? 'otlp' : 'ingestion'
    return way
  }

  function eventsFor({ report, observation }: Told): ApiIngestionEvent[] {
    const events = made.get(report) ?? eventsOf(observation, endsOf(observation), settings)
    made.set(report, events)
    return events
  }

  async function byIngestion(told: Told[], signal: AbortSignal): Promise<Delivery> {
    const parts = told.map((each) => ({
      report: each.report,
      events: progress.left(each.report, eventsFor(each)),
      bytes: each.observation.bytes,
    }))
    const langfuse = await connected()
    const { fates, notAccepted } = await inLane(`${baseUrl} ${publicKey}`, signal, () =>
      ingest(langfuse, parts, progress, signal),
    )
    if (!notAccepted) return deliveryOf(reportsOf(told), fates)
    if (api !== 'auto') throw new DeliveryError(`${STORES_NOTHING}: ${REMEDY}`)
    way = 'otlp'
    v4 = true
    const delivery = await byOtlp(told, signal).catch((error: unknown) => {
      if (!(error instanceof DeliveryError)) throw error
      throw new DeliveryError(`${STORES_NOTHING}, and of OpenTelemetry neither: ${error.message}`)
    })
    return {
      ...delivery,
      reason: delivery.reason ?? `${STORES_NOTHING}; it gets OpenTelemetry from now on`,
    }
  }

  /** Spans first: scores are of them, and have an endpoint of their own that every version keeps. */
  async function byOtlp(told: Told[], signal: AbortSignal): Promise<Delivery> {
    const due = told.filter(({ report }) => progress.left(report, [SPAN]).length > 0)
    const spans = due.map(({ report, observation }) => spanPart(report, observation, settings))
    const fates = await exportSpans(receiverOf(settings, v4), spans, signal)
    for (const [report, fate] of fates)
      if (fate === 'taken' || 'refused' in fate) progress.note(report, SPAN.id, fate)
    const scores = told.flatMap((each) => {
      const { report } = each
      const fate = fates.get(report) ?? 'taken'
      const events = fate === 'taken' ? progress.left(report, scoresFor(each)) : []
      return events.length === 0 ? [] : [{ report, events, bytes: SCORES_BYTES }]
    })
    const scored = await scoresTo(scores, signal)
    return deliveryOf(reportsOf(told), new Map([...fates, ...scored]))
  }

  const scoresFor = ({ observation }: Told) =>
    scoresOf(observation, observation.otelTraceId, observation.otelId, environment)

  /** Where they cannot be delivered, their spans have arrived all the same. */
  async function scoresTo(
    scores: Parameters<typeof ingest>[1],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<Report, ItemResult>> {
    try {
      return (await ingest(await connected(), scores, progress, signal)).fates
    } catch (error) {
      if (!(error instanceof DeliveryError)) throw error
      const { message: again, unsure } = error
      return new Map(scores.map(({ report }) => [report, { again, unsure }]))
    }
  }

  function connected(): Promise<Langfuse> {
    client ??= connect(settings).catch((cause: unknown) => {
      client = undefined
      throw new DeliveryError('the package langfuse cannot be loaded', { cause })
    })
    return client
  }

  return {
    name: 'langfuse',
    batch: MOST,
    start: FIRST,
    deadlineMs: timeoutMs,
    async deliver(reports, signal) {
      const told = reports.map((report) => ({ report, observation: observationOf(report) }))
      try {
        return (await choose(signal)) === 'otlp'
          ? await byOtlp(told, signal)
          : await byIngestion(told, signal)
      } catch (error) {
        if (error instanceof DeliveryError) way = undefined
        throw error
      }
    },
  }
}

const reportsOf = (told: Told[]) => told.map(({ report }) => report)

/** The one span of a call. */
const SPAN = { id: 'span' }

const STORES_NOTHING =
  'this Langfuse answers 207 and stores nothing of its old format (“Event type not accepted”)'

const REMEDY =
  "leave gateway.langfuse.api at 'auto', or set LANGFUSE_MIGRATION_V4_WRITE_MODE=dual on the server"

const SCORES_BYTES = 1_000
