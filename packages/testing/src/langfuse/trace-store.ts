import type { Json, JsonObject } from '../core/json.ts'

/** A stored trace, from either format. */
export type LangfuseTrace = {
  id: string
  name?: string
  userId?: string
  sessionId?: string
  tags: string[]
  metadata: JsonObject
  input?: Json
  output?: Json
  timestamp?: string
  release?: string
  version?: string
  /** Absent on 2.95.12, which has no environments. */
  environment?: string
}

/** A stored generation, span or event, from either format, with tokens and cost as the server computes them. */
export type LangfuseObservation = {
  id: string
  traceId: string
  /** `GENERATION`, `SPAN`, `EVENT`, ... */
  type: string
  name?: string
  parentObservationId?: string
  startTime?: string
  endTime?: string
  completionStartTime?: string
  model?: string
  modelParameters: JsonObject
  input?: Json
  output?: Json
  /** `DEBUG`, `DEFAULT`, `WARNING` or `ERROR`. */
  level: string
  statusMessage?: string
  metadata: JsonObject
  /** Absent on 2.95.12, which has no environments. */
  environment?: string
  version?: string
  tokens: { input?: number; output?: number; total?: number }
  /** Tokens by bucket; empty on 2.95.12, which has `tokens` only. */
  usageDetails: Record<string, number>
  /** Total cost in US dollars. Absent where the server knows neither usage with a price nor a cost. */
  costUsd?: number
  /** US dollars by bucket. */
  costDetails: Record<string, number>
}

/** A stored score. */
export type LangfuseScore = {
  id: string
  name: string
  traceId?: string
  observationId?: string
  sessionId?: string
  dataType: string
  /** Value of a numeric score; 1 or 0 of a boolean one. */
  value?: number
  /** Value of a categorical score; `True` or `False` of a boolean one. */
  stringValue?: string
  comment?: string
  metadata?: Json
  environment?: string
}

/** All that a server has stored, by id. */
export type TraceStore = {
  traces: Map<string, LangfuseTrace>
  observations: Map<string, LangfuseObservation>
  scores: Map<string, LangfuseScore>
  /** How often each event or span was stored. */
  stored: Map<string, number>
}

export const countStored = ({ stored }: TraceStore, id: string): void =>
  void stored.set(id, (stored.get(id) ?? 0) + 1)

/** Returns the members that are neither undefined nor null, so that a merge leaves the others unchanged. */
export const definedOnly = <Part extends object>(
  part: {
    [Name in keyof Part]: Part[Name] | undefined | null
  },
): Partial<Part> =>
  Object.fromEntries(
    Object.entries(part).filter(([, value]) => value !== undefined && value !== null),
  ) as Partial<Part>

/** Returns the stored trace, or a new one. */
export const traceOrNew = (store: TraceStore, id: string): LangfuseTrace =>
  store.traces.get(id) ?? { id, tags: [], metadata: {} }

/** Merges an update into a trace. `known`: the trace as the server read it, which may be outdated. */
export function mergeTrace(
  store: TraceStore,
  id: string,
  update: Partial<LangfuseTrace>,
  known = traceOrNew(store, id),
): void {
  const tags = [...new Set([...known.tags, ...(update.tags ?? [])])].toSorted()
  store.traces.set(id, { ...known, ...update, id, tags, metadata: { ...known.metadata, ...update.metadata } })
}
