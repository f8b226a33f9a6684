import { createWindow, type Window } from '../window.ts'
import type { Load, ReplicaState, Reserved, ServerState, Settled } from './protocol.ts'

type Team = {
  news: ServerState
  heard: Load
  /** Time at which `heard` was received, by the local monotonic clock, in milliseconds. */
  heardAt: number
  clock: number | undefined
  /** Highest number of processes that Redis has answered; 0: none. */
  processes: number
  announcedAt: number
  own: Window
}

/** Interval at which a process announces that it is alive. Redis counts it as alive for 150 s. */
const ANNOUNCE_MS = 20_000
/** Length of the buckets in which the own last minute is sent, in milliseconds. */
const PIECE_MS = 10_000

const NEWBORN: ServerState = { epoch: '', seq: 0, day: 0, committed: 0 }
const NEVER = -9e12

/** Keeps what this process knows of each team: its own admissions and the last state from Redis. Times are monotonic. */
export function createProcessState() {
  const teams = new Map<string, Team>()

  function of(name: string): Team {
    let team = teams.get(name)
    if (team === undefined) {
      const heard = { requests: 0, tokens: 0 }
      const own = createWindow(PIECE_MS)
      team = {
        news: NEWBORN,
        heard,
        heardAt: NEVER,
        clock: undefined,
        processes: 0,
        announcedAt: NEVER,
        own,
      }
      teams.set(name, team)
    }
    return team
  }

  /** Keeps the newer of two states: replies may arrive out of order, and within an epoch the higher `seq` is newer. */
  const take = (team: Team, { epoch, seq, day, committed }: ServerState) => {
    if (team.news.epoch !== epoch || seq >= team.news.seq) team.news = { epoch, seq, day, committed }
  }

  return {
    /** Returns what to send with a reservation. */
    memoryOf(name: string, now: number): ReplicaState {
      const { news, own, heard, heardAt, clock } = of(name)
      const heardAgo = Math.max(0, Math.round(now - heardAt))
      return { ...news, own: news.epoch === '' ? '' : loadOf(own, now), heard, heardAgo, clock }
    },
    /** Returns `true` at most once per announcement interval. */
    isTimeToAnnounce(name: string, now: number): boolean {
      const team = of(name)
      if (now - team.announcedAt < ANNOUNCE_MS) return false
      team.announcedAt = now
      return true
    },
    /** Notes a reply of reserve.lua. */
    hear(name: string, reserved: Reserved, requests: 0 | 1, now: number) {
      const team = of(name)
      take(team, reserved)
      team.heard = reserved.load
      team.heardAt = now
      team.clock = reserved.clock
      team.processes = Math.max(team.processes, reserved.processes)
      if (reserved.status === 'admitted') team.own.add(now, requests, reserved.tokens)
    },
    /** Adds reported calls to the own window. */
    hearOwn(name: string, { requests, tokens }: Load, now: number) {
      if (requests > 0 || tokens > 0) of(name).own.add(now, requests, tokens)
    },
    /** Notes a reply of settle.lua. It has no load, and is ignored if its epoch is not the one known here. */
    hearSettled(name: string, settled: Settled, now: number) {
      const team = of(name)
      if (team.news.epoch === settled.epoch) take(team, settled)
      if (settled.excess > 0) team.own.add(now, 0, settled.excess)
    },
    /** Returns the highest number of the team's processes (0: unknown) and the last load of its window. */
    lastHeard(name: string): { seen: number; heard: Load } {
      const { processes: seen, heard } = of(name)
      return { seen, heard }
    },
  }
}

export type ProcessState = ReturnType<typeof createProcessState>

function loadOf(own: Window, now: number): string {
  own.load(now)
  let pieces = ''
  for (const { stamp, requests, tokens } of own.buckets())
    pieces += `${pieces === '' ? '' : ','}${Math.max(0, Math.round(now - stamp))}:${requests}:${tokens}`
  return pieces
}
