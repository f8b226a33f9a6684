import type { Settings } from '../config/settings.ts'
import type { LimitedLog } from '../core/log-codes.ts'
import type { Policy } from '../core/policy.ts'
import type { RedisConnection } from '../redis/connection.ts'
import { createLangfuseSink } from '../sinks/langfuse/sink.ts'
import { createMetricsSink } from '../sinks/metrics/sink.ts'
import { createOtelSink } from '../sinks/otel/sink.ts'
import type { Sink } from '../sinks/sink.ts'
import { createSupabaseSink } from '../sinks/supabase/sink.ts'

/** Creates the sinks that options and environment switch on, followed by the program's own. */
export function configuredSinks(
  settings: Settings,
  policy: () => Policy,
  connection: RedisConnection | undefined,
  say: LimitedLog,
): Sink[] {
  const { langfuse, otel, sinks } = settings
  return [
    ...metricsOf(settings, connection),
    ...supabaseOf(settings, policy, connection, say),
    ...(langfuse === undefined ? [] : [createLangfuseSink(langfuse)]),
    ...(otel === undefined ? [] : [createOtelSink(otel)]),
    ...sinks,
  ]
}

function metricsOf({ metrics }: Settings, connection: RedisConnection | undefined): Sink[] {
  return connection && metrics ? [createMetricsSink(connection, metrics)] : []
}

function supabaseOf(
  { supabase, quota }: Settings,
  policy: () => Policy,
  connection: RedisConnection | undefined,
  say: LimitedLog,
): Sink[] {
  if (supabase === undefined) return []
  return [
    createSupabaseSink(supabase, { policy, link: connection, keyLocking: quota?.keyLocking ?? false, say }),
  ]
}
