import { createWindow, type Window } from '../window.ts'
import type { Load, ReplicaState, Reserved, ServerState, Settled } from './protocol.ts'

type Team = {
  news: ServerState
  heard: Load
  /** By this process's steady clock. */
  heardAt: number
  clock: number | undefined
  /** The most processes that it was ever told. */
  processes: number
  announcedAt: number
  own: Window
}

/** A process says that it is alive so often; one that has been silent for 150 s is not. */
const ANNOUNCE_MS = 20_000
/** The own last minute travels in pieces of this length. */
const PIECE_MS = 10_000

const NEWBORN: ServerState = { epoch: '', seq: 0, day: 0, committed: 0 }
const NEVER = -9e12

/** What this process knows of each team: what it admitted itself, and what Redis last told it. Times are steady. */
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

  /** Answers may overtake each other; within one life, the one that knows of more is the newer. */
  const take = (team: Team, { epoch, seq, day, committed }: ServerState) => {
    if (team.news.epoch !== epoch || seq >= team.news.seq) team.news = { epoch, seq, day, committed }
  }

  return {
    memoryOf(name: string, now: number): ReplicaState {
      const { news, own, heard, heardAt, clock } = of(name)
      const heardAgo = Math.max(0, Math.round(now - heardAt))
      return { ...news, own: news.epoch === '' ? '' : loadOf(own, now), heard, heardAgo, clock }
    },
    /** True once in a while, and then not again for as long. */
    isTimeToAnnounce(name: string, now: number): boolean {
      const team = of(name)
      if (now - team.announcedAt < ANNOUNCE_MS) return false
      team.announcedAt = now
      return true
    },
    hear(name: string, reserved: Reserved, requests: 0 | 1, now: number) {
      const team = of(name)
      take(team, reserved)
      team.heard = reserved.load
      team.heardAt = now
      team.clock = reserved.clock
      team.processes = Math.max(team.processes, reserved.processes)
      if (reserved.status === 'admitted') team.own.add(now, requests, reserved.tokens)
    },
    /** Redis has heard what this process had admitted without asking. */
    hearOwn(name: string, { requests, tokens }: Load, now: number) {
      if (requests > 0 || tokens > 0) of(name).own.add(now, requests, tokens)
    },
    /** A settlement tells of money only, and nothing of a life that this process has not been asked about. */
    hearSettled(name: string, settled: Settled, now: number) {
      const team = of(name)
      if (team.news.epoch === settled.epoch) take(team, settled)
      if (settled.excess > 0) team.own.add(now, 0, settled.excess)
    },
    /** The most processes of this team that it was ever told of (0: never told), and what it last heard of the window. */
    lastHeard: (name: string): { processes: number; heard: Load } => of(name),
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
