/** So many judgements in any hour, spread over its minutes: a rush does not use up what the quiet hours could learn from. */
export function createBudget(now: () => number) {
  let left = Number.POSITIVE_INFINITY
  let at = now()

  /** `perHour` is what is allowed at the moment: policies change. */
  return function mayJudge(perHour: number): boolean {
    if (perHour === 0) return false
    const most = Math.max(1, perHour / 60)
    const time = now()
    left = Math.min(most, left + ((time - at) / 3_600_000) * perHour)
    at = time
    if (left < 1) return false
    left -= 1
    return true
  }
}
