import type { Json } from '../../core/json.ts'
import { type Attributes, attributesOf, nanos, type Span } from '../otlp/encode.ts'
import type { Receiver, SpanItem } from '../otlp/export.ts'
import type { Report } from '../sink.ts'
import { KEYS_HINT } from './ingestion.ts'
import type { Observation } from './observation.ts'
import type { LangfuseSettings } from './options.ts'

/**
 * Builds the OTLP receiver. `x-langfuse-ingestion-version: 4` makes spans visible at once; without it they may take
 * minutes.
 */
export function receiverOf({ publicKey, secretKey, baseUrl }: LangfuseSettings, v4: boolean): Receiver {
  return {
    name: 'Langfuse',
    keysHint: KEYS_HINT,
    url: `${baseUrl}/api/public/otel/v1/traces`,
    headers: {
      authorization: `Basic ${Buffer.from(`${publicKey}:${secretKey}`).toString('base64')}`,
      'x-langfuse-ingestion-version': '4',
    },
    resource: { 'service.name': 'llm-gateway' },
    ...(v4 ? { scope: SDK_SCOPE } : {}),
  }
}

/**
 * Scope of spans with Langfuse's own attributes. For any other scope, the server repeats every attribute in the
 * metadata as `attributes.langfuse.…`. Versions 3 to 3.145 discard this scope if it lacks the public key.
 * Source: Langfuse 4.16.0 and 3.127.0, `OtelIngestionProcessor.ts`, `isLangfuseSDKSpans`.
 */
const SDK_SCOPE = { name: 'langfuse-sdk', attributes: {} }

export function spanItem(report: Report, observation: Observation, settings: LangfuseSettings): SpanItem {
  const json = JSON.stringify(spanOf(observation, settings))
  return { report, json, bytes: Buffer.byteLength(json) }
}

/**
 * Builds a call's span. v4 has spans only, no traces: user, session, tags and trace name are on each span.
 * Source: Langfuse 4.16.0, `packages/shared/src/server/otel/attributes.ts` and `OtelIngestionProcessor.ts`.
 */
function spanOf(observation: Observation, { environment, release }: LangfuseSettings): Span {
  const { level, statusMessage, firstTokenMs, tokens, costUsd, metadata, input, output } = observation
  const attributes: Attributes = {
    'langfuse.trace.name': observation.traceName,
    'user.id': observation.userId,
    'session.id': observation.sessionId,
    'langfuse.trace.tags': observation.tags,
    'langfuse.environment': environment,
    'langfuse.release': release,
    'langfuse.observation.type': 'generation',
    'langfuse.observation.level': level,
    'langfuse.observation.status_message': statusMessage,
    'langfuse.observation.model.name': observation.model,
    'langfuse.observation.model.parameters': JSON.stringify(observation.modelParameters),
    'langfuse.observation.usage_details': tokens && JSON.stringify(tokens),
    'langfuse.observation.cost_details':
      costUsd === undefined ? undefined : JSON.stringify({ total: costUsd }),
    'langfuse.observation.completion_start_time':
      firstTokenMs === undefined ? undefined : new Date(firstTokenMs).toISOString(),
    'langfuse.observation.input': textOf(input),
    'langfuse.observation.output': textOf(output),
  }
  for (const [key, value] of Object.entries(metadata))
    attributes[`langfuse.observation.metadata.${key}`] =
      typeof value === 'number' || typeof value === 'boolean' ? value : textOf(value)
  return {
    traceId: observation.otelTraceId,
    spanId: observation.otelId,
    name: observation.name,
    kind: 3,
    startTimeUnixNano: nanos(observation.startMs),
    endTimeUnixNano: nanos(observation.endMs),
    attributes: attributesOf(attributes),
    status: level === 'ERROR' ? { code: 2, message: statusMessage ?? '' } : {},
  }
}

const textOf = (json: Json | undefined) =>
  json === undefined || typeof json === 'string' ? json : JSON.stringify(json)
