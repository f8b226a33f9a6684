/** `shared`: Redis counts for all. `share`: this process counts alone, by its share. `refusing`: nobody counts. */
export type QuotaMode = 'shared' | 'share' | 'refusing'

const LINES: Record<QuotaMode, string> = {
  shared: 'Quotas are shared through Redis again',
  share: 'Quotas are counted in this process, by its share of the limits',
  refusing: 'Calls are refused, since nobody can count them',
}

const QUIET_MS = 60_000

/** Says when Redis goes and comes, one line a minute at most: what was left unsaid by then is said if it still holds. */
export function createMode(say: (message: string) => void) {
  let mode: QuotaMode = 'shared'
  let said: QuotaMode = 'shared'
  let trouble = ''
  let quiet: NodeJS.Timeout | undefined
  let closed = false

  function speak() {
    if (closed || quiet !== undefined || (said === 'shared') === (mode === 'shared')) return
    said = mode
    say(mode === 'shared' ? LINES.shared : `${LINES[mode]}: ${trouble}`)
    quiet = setTimeout(() => {
      quiet = undefined
      speak()
    }, QUIET_MS)
    quiet.unref()
  }

  return {
    is: () => mode,
    become(next: QuotaMode, why = trouble) {
      mode = next
      trouble = why
      speak()
    },
    close() {
      closed = true
      clearTimeout(quiet)
    },
  }
}
