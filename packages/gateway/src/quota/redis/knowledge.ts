import type { Bounds, Limits, NanoUsd } from '../store.ts'
import { createWindow, SPAN_MS, type Window } from '../window.ts'
import type { Load, News, Reserved, Settled } from './wire.ts'
import { dayNumber, type Zone } from './zone.ts'

/** What goes with each reservation: enough for a state that was lost to be born again with what it had. */
export type Memory = News & {
  /** What this process had admitted in the last minute, as age:requests:tokens,... */
  own: string
  /** How full the window was when this process last heard of it, and how long ago that is. */
  heard: Load
  heardAgo: number
}

type Fleet = { processes: number; before: number }

type Team = {
  news: News
  heard: Load
  heardAt: number
  /** Undefined until Redis has told. */
  fleet: Fleet | undefined
  announcedAt: number
  own: Window
}

/** A process says that it is alive so often; who has been silent for 150 s is not. */
const ANNOUNCE_MS = 20_000
/** The own last minute travels in pieces of this length. */
const PIECE_MS = 10_000

const NEWBORN: News = { epoch: '', seq: 0, day: 0, committed: 0 }
const NEVER = -9e12

/** What this process knows of each team: what it admitted itself, and what Redis last told it. */
export function createKnowledge(processes: number) {
  const teams = new Map<string, Team>()

  function of(name: string): Team {
    let team = teams.get(name)
    if (team === undefined) {
      const heard = { requests: 0, tokens: 0 }
      team = {
        news: NEWBORN,
        heard,
        heardAt: NEVER,
        fleet: undefined,
        announcedAt: NEVER,
        own: createWindow(),
      }
      teams.set(name, team)
    }
    return team
  }

  /** Answers may overtake each other; within one life, the one that knows of more is the newer. */
  const take = (team: Team, { epoch, seq, day, committed }: News) => {
    if (team.news.epoch !== epoch || seq >= team.news.seq) team.news = { epoch, seq, day, committed }
  }

  return {
    memoryOf(name: string, now: number): Memory {
      const { news, own, heard, heardAt } = of(name)
      const heardAgo = Math.min(SPAN_MS, Math.max(0, now - heardAt))
      return { ...news, own: news.epoch === '' ? '' : loadOf(own, now), heard, heardAgo }
    },
    /** True once in a while, and then not again for as long. */
    isTimeToAnnounce(name: string, now: number): boolean {
      const team = of(name)
      if (Math.abs(now - team.announcedAt) < ANNOUNCE_MS) return false
      team.announcedAt = now
      return true
    },
    hear(name: string, reserved: Reserved, requests: 0 | 1, now: number) {
      const team = of(name)
      take(team, reserved)
      team.heard = reserved.load
      team.heardAt = now
      team.fleet = reserved.fleet ?? team.fleet
      if (reserved.status === 'admitted') team.own.add(now, requests, reserved.tokens)
    },
    /** A settlement tells of money only, and nothing of a life that this process has not been asked about. */
    hearSettled(name: string, settled: Settled, now: number) {
      const team = of(name)
      if (team.news.epoch === settled.epoch) take(team, settled)
      if (settled.excess > 0) team.own.add(now, 0, settled.excess)
    },
    /** Of these limits, what this process may use while it counts alone. */
    shareOf(name: string, { rpm, tpm, usdPerDay }: Limits, now: number, zone: Zone): Bounds {
      const { news, heard, heardAt, fleet } = of(name)
      // For a minute, what everybody had used when last heard of still counts; afterwards it has left the window.
      const used = Math.abs(now - heardAt) < SPAN_MS ? heard : { requests: 0, tokens: 0 }
      const usedToday = news.day === dayNumber(now, zone) ? news.committed : 0
      const part = (whole: number) => partOf(Math.max(0, whole), fleet, processes)
      return {
        ...(rpm === undefined ? {} : { rpm: part(rpm - used.requests) }),
        ...(tpm === undefined ? {} : { tpm: part(tpm - used.tokens) }),
        ...(usdPerDay === undefined ? {} : { usdPerDay: part(usdPerDay - usedToday) as NanoUsd }),
      }
    },
  }
}

/** All parts together are the whole: what does not divide goes to the first processes, where it is known who they are. */
function partOf(whole: number, fleet: Fleet | undefined, processes: number): number {
  if (fleet === undefined || fleet.processes < processes) return Math.floor(whole / processes)
  return Math.floor(whole / fleet.processes) + (fleet.before < whole % fleet.processes ? 1 : 0)
}

function loadOf(own: Window, now: number): string {
  own.load(now)
  const pieces = new Map<number, { age: number; requests: number; tokens: number }>()
  for (const { stamp, requests, tokens } of own.buckets()) {
    const key = Math.floor(stamp / PIECE_MS)
    const piece = pieces.get(key) ?? { age: 0, requests: 0, tokens: 0 }
    pieces.set(key, {
      age: Math.max(0, now - stamp),
      requests: piece.requests + requests,
      tokens: piece.tokens + tokens,
    })
  }
  return [...pieces.values()].map(({ age, requests, tokens }) => `${age}:${requests}:${tokens}`).join(',')
}
