import { expect } from 'vitest'
import { type Dollars, dollarsOf, none } from './bills.ts'
import type { Day } from './day.ts'
import { committed, nano, TEAMS, type Team, UNLIMITED } from './kit.ts'

/** Somewhere that tells what each team has spent, in billionths of a dollar. */
export type Ledger = { name: string; read: (day: Day) => Dollars | Promise<Dollars> }

const TEAM_NAMES = Object.keys(TEAMS) as Team[]

export const records: Ledger = { name: 'records', read: ({ records }) => dollarsOf(records) }

/** As far as a budget still lets calls through: what was spent, and what is in doubt. */
export const budget: Ledger = {
  name: 'budget',
  async read({ client, upstream }) {
    const dollars = none()
    for (const team of TEAM_NAMES) dollars[team] = await committed(client, upstream, team)
    return dollars
  },
}

/** All ledgers tell of the same dollars, to the billionth: those that upstream would bill; budgets, of the doubt besides. */
export async function allAgree(day: Day, ledgers: readonly Ledger[]): Promise<void> {
  const { billed, held, client, unpriced, headers, records } = day
  const all = TEAM_NAMES.reduce((sum, team) => sum + billed[team], 0)
  expect(all).toBeGreaterThan(0)
  expect({ stats: nano(client.gateway.stats().costUsd) }).toEqual({ stats: all })
  expect(nano(client.gateway.stats().savedUsd)).toBe(
    records.reduce((sum, { savedUsd = 0 }) => sum + nano(savedUsd), 0),
  )
  expect(client.gateway.stats()).toMatchObject({ unpriced, faults: 0, hookErrors: 0 })
  for (const record of records) expect(record.costUsd === undefined).toBe(record.team === UNLIMITED.name)
  const whole = records.filter(({ stream, status }) => !stream && status === 'ok')
  const sum = (of: (record: Day['records'][number]) => number | undefined) =>
    whole.reduce((sum, record) => sum + nano(of(record) ?? 0), 0)
  expect(headers).toEqual({ cost: sum(({ costUsd }) => costUsd), saved: sum(({ savedUsd }) => savedUsd) })
  for (const ledger of ledgers) {
    const { name, read } = ledger
    expect({ [name]: await read(day) }).toEqual({ [name]: ledger === budget ? held : billed })
  }
}
