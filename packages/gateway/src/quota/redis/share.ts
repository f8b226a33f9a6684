import { createMemoryQuota, type MemoryQuota } from '../memory.ts'
import type { Bounds, Reservation, Settlement, Verdict } from '../store.ts'

type Alone = { store: MemoryQuota; ids: Set<string> }

/** Counts in this process, by its share of the limits, while Redis is away. */
export function createShare(clock: () => number) {
  const teams = new Map<string, Alone>()

  return {
    reserve(reservation: Reservation, bounds: Bounds): Verdict {
      let alone = teams.get(reservation.team)
      if (alone === undefined) {
        alone = { store: createMemoryQuota(clock), ids: new Set() }
        teams.set(reservation.team, alone)
      }
      const verdict = alone.store.reserve({ ...reservation, limits: { ...reservation.limits, ...bounds } })
      const standing = { bounds, degraded: true } as const
      if (verdict.admitted) {
        alone.ids.add(reservation.id)
        return { ...verdict, ...standing }
      }
      const { retryAfterMs = fits(reservation) ? AGAIN_MS : undefined } = verdict
      return { ...verdict, ...standing, retryAfterMs }
    },
    /** Only what was admitted here. */
    settle(settlement: Settlement) {
      const alone = teams.get(settlement.team)
      if (alone?.ids.delete(settlement.id)) alone.store.settle(settlement)
    },
    /** Redis counts this team again, and what was admitted here, too. */
    end: (team: string) => void teams.delete(team),
  }
}

/** What is larger than the share may fit as soon as Redis is back. */
const AGAIN_MS = 1_000

const fits = ({ limits: { tpm, usdPerDay }, inputTokens, worstCost }: Reservation) =>
  (tpm === undefined || inputTokens <= tpm) && (usdPerDay === undefined || worstCost <= usdPerDay)
