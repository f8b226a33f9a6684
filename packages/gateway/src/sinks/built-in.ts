import type { SinkBackend, SinkDeps, SinkEnvironment } from './backend.ts'
import { langfuse } from './langfuse/backend.ts'
import type { LangfuseOptions } from './langfuse/options.ts'
import { metrics } from './metrics/backend.ts'
import type { MetricsOptions } from './metrics/options.ts'
import { otel } from './otel/backend.ts'
import type { OtelOptions } from './otel/options.ts'
import type { Sink } from './sink.ts'
import { supabase } from './supabase/backend.ts'
import type { SupabaseOptions } from './supabase/options.ts'

/** The gateway's options for built-in sinks, by the name of the field. */
export type BuiltInSinkOptions = {
  metrics?: false | MetricsOptions
  supabase?: false | SupabaseOptions
  langfuse?: false | LangfuseOptions
  otel?: false | OtelOptions
}

/** Schemas of these options. */
export const SINK_SCHEMAS = {
  metrics: metrics.schema,
  supabase: supabase.schema,
  langfuse: langfuse.schema,
  otel: otel.schema,
}

/** Creates a sink that is switched on. Returns `undefined` where something it needs is absent. */
export type CreateSink = (deps: SinkDeps) => Sink | undefined

/**
 * Returns a factory for each built-in sink that options or environment switch on.
 * @throws GatewayOptionsError naming each field or variable at fault.
 */
export function builtInSinks(options: BuiltInSinkOptions, env: SinkEnvironment): CreateSink[] {
  const factories = [
    factoryOf(metrics, options.metrics, env),
    factoryOf(supabase, options.supabase, env),
    factoryOf(langfuse, options.langfuse, env),
    factoryOf(otel, options.otel, env),
  ]
  return factories.filter((factory) => factory !== undefined)
}

function factoryOf<Options, Settings>(
  { settingsFrom, create }: SinkBackend<Options, Settings>,
  option: false | Options | undefined,
  env: SinkEnvironment,
): CreateSink | undefined {
  const settings = settingsFrom(option, env)
  return settings === undefined ? undefined : (deps) => create(settings, deps)
}
