export type JudgeRateLimit = {
  /**
   * Takes a judgement. `perHour` is an argument because policies change. `isDue`: an answer waits for it to serve at all; it
   * may use up the share of the next minutes, which others then wait for.
   */
  take: (perHour: number, isDue?: boolean) => boolean
  /** Gives back one that was not needed. */
  giveBack: () => void
}

/** Minutes whose share may be used up in advance by judgements that are due. */
const AHEAD_MINUTES = 10

/**
 * Creates a token bucket of `perHour` judgements with a capacity of one minute's share: a burst does not use up later
 * hours.
 */
export function createJudgeRateLimit(now: () => number): JudgeRateLimit {
  let left = Number.POSITIVE_INFINITY
  let at = now()

  return {
    take(perHour, isDue = false) {
      if (perHour === 0) return false
      const most = Math.max(1, perHour / 60)
      const time = now()
      left = Math.min(most, left + ((time - at) / 3_600_000) * perHour)
      at = time
      if (left < (isDue ? 1 - AHEAD_MINUTES * (perHour / 60) : 1)) return false
      left -= 1
      return true
    },
    giveBack() {
      left += 1
    },
  }
}
