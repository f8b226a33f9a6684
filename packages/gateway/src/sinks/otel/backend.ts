import type { SinkBackend } from '../backend.ts'
import { type OtelOptions, type OtelSettings, otelSchema, otelSettings } from './options.ts'
import { createOtelSink } from './sink.ts'

export const otel: SinkBackend<OtelOptions, OtelSettings> = {
  schema: otelSchema,
  settingsFrom: otelSettings,
  create: createOtelSink,
}
