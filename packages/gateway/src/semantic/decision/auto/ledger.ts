/** Money and counts of one day (UTC), in billionths of a dollar. */
export type Day = {
  /** Prices of answers that hits by meaning gave, or would have given in mode `on`. */
  saved: number
  /** Cost of vectors and judgements. */
  spent: number
  /** Cost of judgements, part of `spent`. */
  judging: number
  judgements: number
  hits: number
  /** Vectors and judgements of unknown cost. */
  unpriced: number
}

/** What is known of one agent in mode `auto`. Two of them add up. */
export type Ledger = {
  /** Judged answers that served or would have served, the newest last: `+` right, `-` wrong. */
  evidence: string
  /** By day since the epoch. */
  days: ReadonlyMap<number, Day>
}

/**
 * Judged answers that count. With 1,000, an agent whose true error is half of a budget of 1 % would serve a third of the time; with
 * 3,000 it does most of the time.
 */
export const MAX_EVIDENCE = 3_000
/** The newest of them, by which a change is noticed. */
export const RECENT = 200
/** Days of the balance, today included. */
export const WINDOW_DAYS = 7
const DAY_MS = 86_400_000

export const EMPTY: Ledger = { evidence: '', days: new Map() }
export const NO_MONEY: Day = { saved: 0, spent: 0, judging: 0, judgements: 0, hits: 0, unpriced: 0 }

export const dayOf = (at: number): number => Math.floor(at / DAY_MS)

/** Returns both together; `later` has the newer evidence. */
export function added(earlier: Ledger, later: Ledger): Ledger {
  const days = new Map(earlier.days)
  for (const [day, money] of later.days) days.set(day, sum([days.get(day) ?? NO_MONEY, money]))
  return { evidence: (earlier.evidence + later.evidence).slice(-MAX_EVIDENCE), days }
}

/** Returns the ledger without the days before the window that ends at `at`. */
export function pruned({ evidence, days }: Ledger, at: number): Ledger {
  const first = dayOf(at) - WINDOW_DAYS + 1
  return { evidence, days: new Map([...days].filter(([day]) => day >= first)) }
}

/** `recent`: of the newest answers. */
export type Sums = Day & { judged: number; wrong: number; recent: { judged: number; wrong: number } }

/** Sums up the evidence, and the days of the window that ends at `at`. */
export function sumsOf(ledger: Ledger, at: number): Sums {
  const { evidence, days } = pruned(ledger, at)
  return {
    ...sum([...days.values()]),
    ...countsOf(evidence),
    recent: countsOf(evidence.slice(-RECENT)),
  }
}

const countsOf = (evidence: string) => ({ judged: evidence.length, wrong: evidence.split('-').length - 1 })

const sum = (all: readonly Day[]): Day =>
  all.reduce(
    (one, other) => ({
      saved: one.saved + other.saved,
      spent: one.spent + other.spent,
      judging: one.judging + other.judging,
      judgements: one.judgements + other.judgements,
      hits: one.hits + other.hits,
      unpriced: one.unpriced + other.unpriced,
    }),
    NO_MONEY,
  )
