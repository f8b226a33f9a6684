export type { SharedCacheStats } from './cache/redis-store.ts'
export type { PurgeFilter } from './cache-entry/purge-filter.ts'
export { createGatewayClient, type GatewayClient } from './client.ts'
export type { CrossProcessStats } from './coalesce/cross-process.ts'
export type { CoalesceOptions, ExactCacheOptions, GatewayOptions } from './config/options.ts'
export { type CacheControl, type GatewayContext, withGateway } from './core/context.ts'
export type { LogCode } from './core/log-codes.ts'
export type { Operation, Route } from './core/operation.ts'
export { GatewayOptionsError } from './core/options-error.ts'
export type {
  AgentPolicy,
  CachePolicy,
  Capture,
  ExactPolicy,
  Mode,
  ModelPolicy,
  Policy,
  SemanticPolicy,
  TeamPolicy,
} from './core/policy.ts'
export type { Attempt, CacheState, CallRecord, SemanticResult } from './core/record.ts'
export type { RefusalCode } from './core/refusal-codes.ts'
export type { Usage } from './core/usage.ts'
export type { GatewayControls, SemanticControls } from './gateway/controls.ts'
export { createGateway, type Gateway } from './gateway/gateway.ts'
export type { Stats } from './gateway/stats.ts'
export { type CallOptions, gatewayOptions } from './identify/headers.ts'
export { hotdash as hotdashPolicy } from './policy/hotdash.ts'
export type { PolicySource, PolicyStats } from './policy/live/policy-stats.ts'
export { loadPolicy } from './policy/load.ts'
export type { AnswerVerdict, LabelResult } from './semantic/labels.ts'
export type { SemanticCacheOptions } from './semantic/options.ts'
export type { SemanticStats } from './semantic/stats.ts'
export type { SemanticAdmin, SemanticEntry } from './semantic/store/port.ts'
export type { LangfuseOptions } from './sinks/langfuse/options.ts'
export type { MetricsOptions } from './sinks/metrics/options.ts'
export type { OtelOptions } from './sinks/otel/options.ts'
export type { SinkStats } from './sinks/stats.ts'
export type { SupabaseOptions } from './sinks/supabase/options.ts'
