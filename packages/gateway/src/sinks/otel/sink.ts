import { deliveryOf } from '../batch.ts'
import { exportSpans, type Receiver, type SpanPart } from '../otlp/export.ts'
import { spanOf } from '../otlp/semconv.ts'
import type { Report, Sink } from '../sink.ts'
import type { OtelSettings } from './options.ts'

/** Any OpenTelemetry backend that takes OTLP over HTTP. */
export function createOtelSink({ url, headers, serviceName, timeoutMs }: OtelSettings): Sink {
  const receiver: Receiver = {
    who: 'the OpenTelemetry backend',
    keys: 'gateway.otel.headers',
    url,
    headers,
    resource: { 'service.name': serviceName },
  }
  return {
    name: 'otel',
    deadlineMs: timeoutMs,
    async deliver(reports, signal) {
      return deliveryOf(reports, await exportSpans(receiver, reports.map(partOf), signal))
    },
  }
}

function partOf(report: Report): SpanPart {
  const json = JSON.stringify(spanOf(report))
  return { report, json, bytes: Buffer.byteLength(json) }
}
