export type JudgeRateLimit = {
  /** Takes a judgement. `perHour` is an argument because policies change. */
  take: (perHour: number) => boolean
  /** Gives back one that was not needed. */
  giveBack: () => void
}

/**
 * Creates a token bucket of `perHour` judgements with a capacity of one minute's share: a burst does not use up later
 * hours.
 */
export function createJudgeRateLimit(now: () => number): JudgeRateLimit {
  let left = Number.POSITIVE_INFINITY
  let at = now()

  return {
    take(perHour) {
      if (perHour === 0) return false
      const most = Math.max(1, perHour / 60)
      const time = now()
      left = Math.min(most, left + ((time - at) / 3_600_000) * perHour)
      at = time
      if (left < 1) return false
      left -= 1
      return true
    },
    giveBack() {
      left += 1
    },
  }
}
