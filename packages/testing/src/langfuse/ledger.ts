import type { Json, JsonObject } from '../core/json.ts'

/** A trace, whichever way it came. */
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
  /** Absent on 2.95.12, which knows none. */
  environment?: string
}

/** A generation, span or event, whichever way it came, with tokens and cost as the server works them out. */
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
  /** Absent on 2.95.12, which knows none. */
  environment?: string
  version?: string
  tokens: { input?: number; output?: number; total?: number }
  /** Tokens by bucket; 2.95.12 knows no others than `tokens`. */
  usageDetails: Record<string, number>
  /** US dollars in all; absent where the server has nothing to go by. */
  costUsd?: number
  costDetails: Record<string, number>
}

export type LangfuseScore = {
  id: string
  name: string
  traceId?: string
  observationId?: string
  sessionId?: string
  dataType: string
  /** Of numeric scores, and 1 or 0 of booleans. */
  value?: number
  /** Of categorical scores; `True` or `False` of booleans. */
  stringValue?: string
  comment?: string
  metadata?: Json
  environment?: string
}

/** What a server has stored. */
export type Ledger = {
  traces: Map<string, LangfuseTrace>
  observations: Map<string, LangfuseObservation>
  scores: Map<string, LangfuseScore>
  /** How often each was stored: events by their own id, spans by theirs. */
  stored: Map<string, number>
}

export const noteStored = ({ stored }: Ledger, id: string): void =>
  void stored.set(id, (stored.get(id) ?? 0) + 1)

/** What is not said stays as it was. */
export const given = <Part extends object>(
  part: {
    [Name in keyof Part]: Part[Name] | undefined | null
  },
): Partial<Part> =>
  Object.fromEntries(
    Object.entries(part).filter(([, value]) => value !== undefined && value !== null),
  ) as Partial<Part>

/** What is there of a trace. */
export const traceIn = (ledger: Ledger, id: string): LangfuseTrace =>
  ledger.traces.get(id) ?? { id, tags: [], metadata: {} }

/** `known`: as it was when the server looked, which may be too early. */
export function mergeTrace(
  ledger: Ledger,
  id: string,
  said: Partial<LangfuseTrace>,
  known = traceIn(ledger, id),
): void {
  const tags = [...new Set([...known.tags, ...(said.tags ?? [])])].toSorted()
  ledger.traces.set(id, { ...known, ...said, id, tags, metadata: { ...known.metadata, ...said.metadata } })
}
