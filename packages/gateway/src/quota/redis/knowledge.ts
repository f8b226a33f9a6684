import type { Limits, MicroUsd, Remaining } from '../store.ts'
import { createWindow, SPAN_MS, type Window } from '../window.ts'
import type { News, Reserved } from './wire.ts'
import { dayNumber, type Zone } from './zone.ts'

/** What goes with each reservation: enough for a state that was lost to be born again with what it had. */
export type Memory = News & {
  /** What this process had admitted in the last minute, as age:requests:tokens,... */
  load: string
}

type Fleet = { processes: number; before: number }

type Team = {
  news: News | undefined
  remaining: Remaining
  heardAt: number
  fleet: Fleet
  announcedAt: number
  own: Window
}

/** A process says that it is alive so often; who has been silent for 150 s is not. */
const ANNOUNCE_MS = 20_000
/** The own last minute travels in pieces of this length. */
const PIECE_MS = 10_000

const NOTHING: News = { epoch: '', seq: 0, day: 0, committed: 0 }

/** What this process knows of each team: what it admitted itself, and what Redis last told it. */
export function createKnowledge() {
  const teams = new Map<string, Team>()

  function of(name: string): Team {
    let team = teams.get(name)
    if (team === undefined) {
      team = {
        news: undefined,
        remaining: {},
        heardAt: Number.NEGATIVE_INFINITY,
        // Until it is told otherwise, it is alone.
        fleet: { processes: 1, before: 0 },
        announcedAt: Number.NEGATIVE_INFINITY,
        own: createWindow(),
      }
      teams.set(name, team)
    }
    return team
  }

  return {
    memoryOf(name: string, now: number): Memory {
      const { news, own } = of(name)
      return { ...(news ?? NOTHING), load: news === undefined ? '' : loadOf(own, now) }
    },
    /** True once in a while, and then not again for as long. */
    isTimeToAnnounce(name: string, now: number): boolean {
      const team = of(name)
      if (Math.abs(now - team.announcedAt) < ANNOUNCE_MS) return false
      team.announcedAt = now
      return true
    },
    hear(name: string, reserved: Reserved, now: number) {
      const team = of(name)
      const { epoch, seq, day, committed, remaining, fleet, status, tokens } = reserved
      team.news = { epoch, seq, day, committed }
      team.remaining = remaining
      team.heardAt = now
      if (fleet !== undefined) team.fleet = fleet
      if (status === 'admitted') team.own.add(now, 1, tokens)
    },
    /** A settlement tells of money only, and nothing of a life that this process has not been asked about. */
    hearSettled(name: string, { epoch, seq, day, committed }: News, excess: number, now: number) {
      const team = of(name)
      if (team.news?.epoch === epoch) team.news = { epoch, seq, day, committed }
      if (excess > 0) team.own.add(now, 0, excess)
    },
    /** Of these limits, what this process may use while it counts alone. */
    shareOf(name: string, limits: Limits, now: number, zone: Zone): Limits {
      const { news, remaining, heardAt, fleet } = of(name)
      // For a minute, what the others had used when last heard of still counts; afterwards it has left the window.
      const recent = Math.abs(now - heardAt) < SPAN_MS
      const usedToday = news !== undefined && news.day === dayNumber(now, zone) ? news.committed : 0
      const share = { ...limits }
      if (limits.rpm !== undefined)
        share.rpm = partOf(least(limits.rpm, recent ? remaining.requests : undefined), fleet)
      if (limits.tpm !== undefined)
        share.tpm = partOf(least(limits.tpm, recent ? remaining.tokens : undefined), fleet)
      if (limits.usdPerDay !== undefined)
        share.usdPerDay = partOf(Math.max(0, limits.usdPerDay - usedToday), fleet) as MicroUsd
      return share
    },
  }
}

const least = (limit: number, left: number | undefined) => Math.min(limit, left ?? limit)

/** All parts together are the whole: what does not divide goes to the first processes. */
const partOf = (whole: number, { processes, before }: Fleet) =>
  Math.floor(whole / processes) + (before < whole % processes ? 1 : 0)

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
