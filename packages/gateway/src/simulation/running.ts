import type { Caller } from '../core/caller.ts'
import type { Route } from '../core/operation.ts'
import type { Usage } from '../core/usage.ts'
import type { Process } from './commands.ts'
import type { PastCall } from './past-call.ts'

/** A call under way: what it gets, and who shares its answer. */
export type Running = {
  call: PastCall
  caller: Caller
  model: string
  route: Route
  usage: Usage
  /** Absent: it shares its answer with no other call. */
  key: string | undefined
  id: string
  process: Process
  waitedMs: number
  isRefresh: boolean
  followers: { call: PastCall; route: Route }[]
}
