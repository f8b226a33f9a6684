import type { JsonObject } from '../core/json.ts'
import type { LangfuseFault } from './faults.ts'
import type { LangfuseObservation, LangfuseScore, LangfuseTrace } from './trace-store.ts'

/** Versions whose behaviour was measured on real servers. */
export type LangfuseVersion = '2.95.12' | '4.16.0'

/** Options of `startFakeLangfuse`. */
export type FakeLangfuseOptions = {
  /**
   * `2.95.12` accepts `POST /api/public/ingestion` only. `4.16.0` has default settings: its ingestion endpoint answers 207
   * with a 400 for every event but scores, and it accepts OTLP.
   * @default '4.16.0'
   */
  version?: LangfuseVersion
  /** TCP port on loopback. @default 0, any free port */
  port?: number
  /** @default 'pk-lf-fake' */
  publicKey?: string
  /** @default 'sk-lf-fake' */
  secretKey?: string
  /**
   * Path of Langfuse's API description of that version, `web/public/generated/api/openapi.yml` of its repository. Every
   * event, span, score and dashboard is then checked against it, too. @default only the built-in rules
   */
  apiDescription?: string
}

/** One request that the stand-in received. */
export type LangfuseRequest = {
  method: string
  path: string
  /** Headers without `authorization`. */
  headers: Record<string, string | string[] | undefined>
  /** HTTP status of the answer; `undefined` before the answer, and without one. */
  readonly status: number | undefined
  /** Size of the body on the wire, in bytes. */
  bytes: number
  /** Number of events of a batch or spans of an export; 1 for a score. */
  events: number
  /** Milliseconds since the epoch at which the whole request had arrived. */
  at: number
}

/** A running stand-in for Langfuse. `await using` closes it. */
export type FakeLangfuse = AsyncDisposable & {
  /** Base URL for `new Langfuse({ baseUrl })`: `http://127.0.0.1:PORT`. It stays the same after `stop` and `start`. */
  baseURL: string
  port: number
  version: LangfuseVersion
  publicKey: string
  secretKey: string
  /** Stored traces by id. On 4.16.0, which stores no traces, they are derived from its spans. */
  traces: Map<string, LangfuseTrace>
  /** Stored observations by id, with tokens and cost as that version computes them. */
  observations: Map<string, LangfuseObservation>
  /** Stored scores by id. */
  scores: Map<string, LangfuseScore>
  /** How often each event or span was stored, by its id: more than once where it was sent again. */
  stored: Map<string, number>
  /** Dashboards and widgets by id, as 4.16.0's unstable API returns them. */
  dashboards: Map<string, JsonObject>
  widgets: Map<string, JsonObject>
  /** All requests received, in order. */
  requests: LangfuseRequest[]
  /** Problems in what was received, each beginning with the id of the event. Empty for a correct client. */
  malformed: string[]
  /** Number of events, spans, scores and dashboard bodies that were checked. */
  checked: number
  /**
   * Injects a fault into all requests from now on, or the next `times`. It replaces the previous fault.
   *
   * @example langfuse.fault({ type: 'server-error', times: 2 })
   */
  fault: (fault: LangfuseFault & { times?: number }) => void
  /** Removes the fault. */
  clear: () => void
  /** Deletes all requests, complaints and stored data, and removes the fault. */
  reset: () => void
  /** Closes all connections and the port. */
  stop: () => Promise<void>
  /** Listens again on the same port. */
  start: () => Promise<void>
  /** The same as `stop`. May be called again. */
  close: () => Promise<void>
}
