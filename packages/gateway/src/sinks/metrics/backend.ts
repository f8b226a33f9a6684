import type { SinkBackend } from '../backend.ts'
import { type MetricsOptions, type MetricsSettings, metricsSchema, metricsSettings } from './options.ts'
import { createMetricsSink } from './sink.ts'

export const metrics: SinkBackend<MetricsOptions, MetricsSettings> = {
  schema: metricsSchema,
  settingsFrom: metricsSettings,
  create: (settings, { redis, keyLocking }) => redis && createMetricsSink(redis, { ...settings, keyLocking }),
}
