import type { JsonObject } from '../core/json.ts'
import type { LangfuseFault } from './faults.ts'
import type { LangfuseObservation, LangfuseScore, LangfuseTrace } from './ledger.ts'

/** The servers whose behaviour was measured. */
export type LangfuseVersion = '2.95.12' | '4.16.0'

export type FakeLangfuseOptions = {
  /**
   * `2.95.12` takes `POST /api/public/ingestion` and knows nothing else. `4.16.0` is one with default settings: its
   * ingestion endpoint answers 207 with a 400 for every event but scores, and it takes OTLP.
   * @default '4.16.0'
   */
  version?: LangfuseVersion
  /** @default 0, any free port */
  port?: number
  /** @default 'pk-lf-fake' */
  publicKey?: string
  /** @default 'sk-lf-fake' */
  secretKey?: string
  /**
   * Path of Langfuse's own API description for that version, `web/public/generated/api/openapi.yml` of its repository.
   * Every event, span, score and dashboard is then checked against it as well. @default only the built-in rules
   */
  apiDescription?: string
}

/** One request that reached the stand-in, and what became of it. */
export type LangfuseRequest = {
  method: string
  path: string
  /** `authorization` is left out. */
  headers: Record<string, string | string[] | undefined>
  /** HTTP status of the answer; `undefined` until one is given, and where none is. */
  readonly status: number | undefined
  /** Bytes of the body as they came over the wire. */
  bytes: number
  /** Events of a batch, spans of an export, 1 for a score. */
  events: number
  /** When it had arrived, in milliseconds since the epoch. */
  at: number
}

export type FakeLangfuse = AsyncDisposable & {
  /** For `new Langfuse({ baseUrl })`: `http://127.0.0.1:PORT`. Stays the same over `stop` and `start`. */
  baseURL: string
  port: number
  version: LangfuseVersion
  publicKey: string
  secretKey: string
  /** By id, as they are stored; 4.16.0 has no traces of its own, so these are what its spans say of theirs. */
  traces: Map<string, LangfuseTrace>
  /** By id, with tokens and cost as that version works them out. */
  observations: Map<string, LangfuseObservation>
  /** By id. */
  scores: Map<string, LangfuseScore>
  /** How often each event of a batch, and each span, was stored, by its id: more than once where it was sent again. */
  stored: Map<string, number>
  /** Dashboards and their widgets by id, as 4.16.0's unstable API shows them. */
  dashboards: Map<string, JsonObject>
  widgets: Map<string, JsonObject>
  /** Everything that reached it, in order. */
  requests: LangfuseRequest[]
  /** What the checker found wrong, each beginning with the id of the event. Right clients leave it empty. */
  malformed: string[]
  /** Events, spans, scores and dashboard bodies the checker has seen. */
  checked: number
  /** Something goes wrong from now on, or with the next `times` requests. A new fault replaces the old one. */
  fault: (fault: LangfuseFault & { times?: number }) => void
  /** Nothing goes wrong any more. */
  clear: () => void
  /** Forgets requests, complaints and everything stored, and clears the fault. */
  reset: () => void
  /** Refuses connections from now on, and breaks the open ones. */
  stop: () => Promise<void>
  /** Listens again at the same port. */
  start: () => Promise<void>
  /** The same as `stop`; may be called twice. */
  close: () => Promise<void>
}
