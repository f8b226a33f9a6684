import { deliveryOf } from '../batch.ts'
import { exportSpans, type Receiver, type SpanItem } from '../otlp/export.ts'
import { spanOf } from '../otlp/semconv.ts'
import type { Report, Sink } from '../sink.ts'
import type { OtelSettings } from './options.ts'

/** Creates a sink for any OpenTelemetry backend that accepts OTLP over HTTP. */
export function createOtelSink({ url, headers, serviceName, timeoutMs }: OtelSettings): Sink {
  const receiver: Receiver = {
    name: 'the OpenTelemetry backend',
    keysHint: 'gateway.otel.headers',
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

function partOf(report: Report): SpanItem {
  const json = JSON.stringify(spanOf(report))
  return { report, json, bytes: Buffer.byteLength(json) }
}
