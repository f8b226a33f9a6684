/** So many judgements in any hour, spread over its minutes: a rush does not use up what the quiet hours could learn from. */
export function createBudget(perHour: number, now = () => performance.now()) {
  const most = Math.max(1, perHour / 60)
  let left = most
  let at = now()

  return function mayJudge(): boolean {
    if (perHour === 0) return false
    const time = now()
    left = Math.min(most, left + ((time - at) / 3_600_000) * perHour)
    at = time
    if (left < 1) return false
    left -= 1
    return true
  }
}
