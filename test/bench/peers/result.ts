import type { Peer } from './peers.ts'

/** Figures of a peer by name: times in µs, memory in MB. */
export type Figures = Record<string, number>
export type Row = {
  id: string
  name: string
  versions: string
  configuration: string
  figures: Figures
  /** Why a figure is missing, by stage. */
  missing: Record<string, string>
  /** The first error of calls that were lost. */
  notes: Record<string, string>
}
export type Result = {
  at: string
  machine: string
  /** Processes that wanted to run, on average over a minute, when it began and when it ended. */
  load: [begin: number, end: number]
  node: string
  redis: string
  commit: string
  plan: Plan
  minutes: number
  rows: Row[]
}

/** How much is measured. */
export type Plan = {
  /** Turns of each peer for small calls; fewer for long ones. */
  rounds: number
  /** Calls of a turn. */
  calls: number
  loadRounds: number
  loadMs: number
  imports: number
  /** Calls of a burst from four processes. */
  spend: number
  identical: number
  lost: number
}

export const rowOf = ({ id, name, configuration }: Pick<Peer, 'id' | 'name' | 'configuration'>): Row => ({
  id,
  name,
  versions: '',
  configuration,
  figures: {},
  missing: {},
  notes: {},
})
