export type { Attempt, CacheState, CallRecord } from './account/record.ts'
export type { Stats } from './account/stats.ts'
export type { Usage } from './account/usage.ts'
export type { Purge } from './cache/purge.ts'
export type { SharedCacheStats } from './cache/redis.ts'
export type { Operation, Route } from './call.ts'
export { createGatewayClient, type GatewayClient } from './client.ts'
export type { AcrossStats } from './coalesce/across.ts'
export type { Gateway, GatewayControls } from './controls.ts'
export { createGateway } from './create-gateway.ts'
export { type CacheControl, type GatewayContext, withGateway } from './identify/context.ts'
export { type CallOptions, gatewayOptions } from './identify/headers.ts'
export type { CoalesceOptions, ExactCacheOptions, GatewayOptions } from './options.ts'
export { GatewayOptionsError } from './options-error.ts'
export { hotdash as hotdashPolicy } from './policy/hotdash.ts'
export type { PolicySource, PolicyStats } from './policy/live/follow.ts'
export type { Mode } from './policy/live.ts'
export { loadPolicy } from './policy/load.ts'
export type {
  AgentPolicy,
  CachePolicy,
  Capture,
  ExactPolicy,
  ModelPolicy,
  Policy,
  SemanticPolicy,
  TeamPolicy,
} from './policy/policy.ts'
export { type ParsedBody, parseBody, parsedBody } from './reading.ts'
export type { RefusalCode } from './refuse.ts'
export type { Embedder } from './semantic/embed/embedder.ts'
export { createLocalEmbedder } from './semantic/embed/local.ts'
export type { Meaning } from './semantic/meaning.ts'
export type { SemanticCacheOptions } from './semantic/options.ts'
export type { SemanticAdmin, SemanticEntry } from './semantic/store/admin.ts'
export type { SemanticStats } from './semantic/tally.ts'
export type { LangfuseOptions } from './sinks/langfuse/options.ts'
export type { MetricsOptions } from './sinks/metrics/options.ts'
export {
  type Metrics,
  type MetricsQuery,
  type MetricsRow,
  type MetricsTotals,
  type Quantiles,
  readMetrics,
} from './sinks/metrics/read.ts'
export type { OtelOptions } from './sinks/otel/options.ts'
export {
  type Content,
  type Delivery,
  DeliveryError,
  type Report,
  type Sink,
  type SpillStats,
} from './sinks/sink.ts'
export type { SinkStats } from './sinks/stats.ts'
export type { SupabaseOptions } from './sinks/supabase/options.ts'
