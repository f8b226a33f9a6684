import type { Settings } from '../config/settings.ts'
import type { Policy } from '../core/policy.ts'
import type { RedisConnection } from '../redis/connection.ts'
import { createLangfuseSink } from '../sinks/langfuse/sink.ts'
import { createMetricsSink } from '../sinks/metrics/sink.ts'
import { createOtelSink } from '../sinks/otel/sink.ts'
import type { Sink } from '../sinks/sink.ts'
import { createSupabaseSink } from '../sinks/supabase/sink.ts'
import type { Warn } from '../util/log.ts'

/** Where records go: what options and environment switch on, and the program's own. `link`: shared Redis, if there is one. */
export function configuredSinks(
  settings: Settings,
  policy: () => Policy,
  link: RedisConnection | undefined,
  say: Warn,
): Sink[] {
  const { langfuse, otel, sinks } = settings
  return [
    ...metricsOf(settings, link),
    ...supabaseOf(settings, policy, link, say),
    ...(langfuse === undefined ? [] : [createLangfuseSink(langfuse)]),
    ...(otel === undefined ? [] : [createOtelSink(otel)]),
    ...sinks,
  ]
}

function metricsOf({ metrics }: Settings, link: RedisConnection | undefined): Sink[] {
  return link && metrics ? [createMetricsSink(link, metrics)] : []
}

function supabaseOf(
  { supabase, quota }: Settings,
  policy: () => Policy,
  link: RedisConnection | undefined,
  say: Warn,
): Sink[] {
  if (supabase === undefined) return []
  return [createSupabaseSink(supabase, { policy, link, keyLocking: quota?.keyLocking ?? false, say })]
}
