import type { Langfuse } from 'langfuse'
import { exportSpans } from '../otel/export.ts'
import { deliveryOf } from '../parts.ts'
import { type Delivery, DeliveryError, type Report, type Sink } from '../sink.ts'
import { takesOtlp, versionOf } from './health.ts'
import { connect, eventsOf, ingest, SCORES, scoresOf, WHOLE } from './ingestion.ts'
import { type Observation, observationOf } from './observation.ts'
import type { LangfuseSettings } from './options.ts'
import { receiverOf, spanPart } from './otlp.ts'

type Way = 'ingestion' | 'otlp'
type Told = { report: Report; observation: Observation }

/**
 * Langfuse, by whichever of its two formats the server takes: v2 knows only the first, v4 answers the first with a 207
 * and stores nothing of it.
 */
export function createLangfuseSink(settings: LangfuseSettings): Sink {
  const { api, baseUrl, environment, timeoutMs } = settings
  const receiver = receiverOf(settings)
  let way: Way | undefined
  let client: Promise<Langfuse> | undefined

  /** Asked once, and again after trouble: a server may have been exchanged for another version. */
  async function choose(signal: AbortSignal): Promise<Way> {
    if (api !== 'auto') return api
    way ??= takesOtlp(await versionOf(baseUrl, signal)) ? 'otlp' : 'ingestion'
    return way
  }

  async function byIngestion(told: Told[], signal: AbortSignal): Promise<Delivery> {
    const parts = told.map(({ report, observation }) => ({
      report,
      events: eventsOf(observation, settings),
      bytes: observation.bytes,
    }))
    const { fates, notAccepted } = await ingest(await connected(), parts, WHOLE, signal)
    if (!notAccepted) return deliveryOf(reportsOf(told), fates)
    if (api !== 'auto') throw new DeliveryError(`${STORES_NOTHING}: ${REMEDY}`)
    way = 'otlp'
    const delivery = await byOtlp(told, signal).catch((error: unknown) => {
      if (!(error instanceof DeliveryError)) throw error
      throw new DeliveryError(`${STORES_NOTHING}, and of OpenTelemetry neither: ${error.message}`)
    })
    return {
      ...delivery,
      trouble: delivery.trouble ?? `${STORES_NOTHING}; it gets OpenTelemetry from now on`,
    }
  }

  /** Spans first: scores are of them, and have an endpoint of their own that every version keeps. */
  async function byOtlp(told: Told[], signal: AbortSignal): Promise<Delivery> {
    const spans = told.map(({ report, observation }) => spanPart(report, observation, settings))
    const fates = await exportSpans(receiver, spans, signal)
    const scores = told
      .filter(({ report, observation }) => fates.get(report) === 'taken' && observation.scores.length > 0)
      .map(({ report, observation }) => {
        const { otelTraceId, otelId } = observation
        const events = scoresOf(observation, otelTraceId, otelId, environment)
        return { report, events, bytes: SCORES_BYTES }
      })
    const { fates: scoreFates } = await ingest(await connected(), scores, SCORES, signal)
    return deliveryOf(reportsOf(told), new Map([...fates, ...scoreFates]))
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
    batch: 50,
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

const STORES_NOTHING =
  'this Langfuse answers 207 and stores nothing of its old format (“Event type not accepted”)'

const REMEDY =
  "leave gateway.langfuse.api at 'auto', or set LANGFUSE_MIGRATION_V4_WRITE_MODE=dual on the server"

const SCORES_BYTES = 1_000
