import type { SecretEntry } from './catalogue.ts'
import type { Secrets } from './vault.ts'

const DAY_MS = 86_400_000

/** `due`: less than a tenth of its days are left. `keeps`: it is not rotated. */
type State = 'missing' | 'ok' | 'due' | 'overdue' | 'keeps'

export type SecretStatus = {
  name: string
  state: State
  /** Whole days since it was made; absent where it is missing. */
  ageDays?: number
  /** Day by which a new one is due, as `YYYY-MM-DD`. */
  rotateBy?: string
  /** Time until which the value before it works, ISO 8601; it may be past. */
  previousUntil?: string
  isGraceOver?: boolean
  team?: string
  purpose: string
}

/** Returns the status of each secret, without its value. */
export function statusOf(entries: SecretEntry[], secrets: Secrets, now = Date.now()): SecretStatus[] {
  return entries.map(({ name, team, rotateDays, purpose }) => {
    const named = { name, purpose, ...(team !== undefined && { team }) }
    const stored = secrets[name]
    if (stored === undefined) return { ...named, state: 'missing' }
    const made = Date.parse(stored.madeAt)
    const { previous } = stored
    return {
      ...named,
      ageDays: Math.floor((now - made) / DAY_MS),
      ...(previous && {
        previousUntil: previous.until,
        isGraceOver: Date.parse(previous.until) <= now,
      }),
      ...(rotateDays === null ? { state: 'keeps' } : dueOf(made + rotateDays * DAY_MS, rotateDays, now)),
    }
  })
}

function dueOf(dueAt: number, rotateDays: number, now: number): { state: State; rotateBy: string } {
  const left = dueAt - now
  const state = left <= 0 ? 'overdue' : left < (rotateDays * DAY_MS) / 10 ? 'due' : 'ok'
  return { state, rotateBy: new Date(dueAt).toISOString().slice(0, 10) }
}

/** Returns a grace period such as `7d` or `12h` in milliseconds; `undefined` where it has another form. */
export function graceMs(text: string): number | undefined {
  const [, count, unit] = /^(\d{1,3})([dh])$/.exec(text) ?? []
  if (count === undefined) return undefined
  return Number(count) * (unit === 'd' ? DAY_MS : DAY_MS / 24)
}
