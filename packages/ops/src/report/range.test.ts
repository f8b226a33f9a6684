import { describe, expect, test } from 'vitest'
import { UsageError } from '../core/command.ts'
import { dayOfDate, parseRange } from './range.ts'

const HOUR_MS = 3_600_000
const at = (text: string) => Date.parse(text)
const hoursOf = ({ days }: ReturnType<typeof parseRange>) =>
  days.map(({ startsAt, endsAt }) => (endsAt - startsAt) / HOUR_MS)

test('by default it is seven days up to now', () => {
  const range = parseRange({}, 'Europe/Berlin', at('2026-12-02T11:30:00Z'))
  expect(range.days.map(({ date }) => date)).toEqual([
    ...['2026-11-26', '2026-11-27', '2026-11-28', '2026-11-29', '2026-11-30', '2026-12-01', '2026-12-02'],
  ])
  expect(range.since).toBe(at('2026-11-25T23:00:00Z'))
  expect(range.until).toBe(at('2026-12-02T11:30:00Z'))
})

test('days have 23 and 25 hours where the clock changes, and follow each other without a gap', () => {
  const autumn = parseRange({ from: '2026-10-31', to: '2026-11-02' }, 'America/Chicago', at('2026-12-01'))
  expect(hoursOf(autumn)).toEqual([24, 25, 24])
  const spring = parseRange({ from: '2026-03-28', to: '2026-03-30' }, 'Europe/Berlin', at('2026-12-01'))
  expect(hoursOf(spring)).toEqual([24, 23, 24])
  for (const { days } of [autumn, spring])
    for (const [place, { endsAt }] of days.slice(0, -1).entries())
      expect(days[place + 1]?.startsAt).toBe(endsAt)
})

test('a day that a time zone left out is no day', () => {
  expect(dayOfDate('2011-12-30', 'Pacific/Apia')).toBeUndefined()
  expect(() =>
    parseRange({ from: '2011-12-30', to: '2011-12-31' }, 'Pacific/Apia', at('2012-01-02')),
  ).toThrow('--from 2011-12-30: must be a date such as 2026-11-23.')
  const range = parseRange({ from: '2011-12-29', to: '2011-12-31' }, 'Pacific/Apia', at('2012-01-02'))
  expect(range.days.map(({ date }) => date)).toEqual(['2011-12-29', '2011-12-31'])
})

test('a last day in the future ends now', () => {
  const range = parseRange({ from: '2026-11-29', to: '2026-12-24' }, 'UTC', at('2026-11-30T06:00:00Z'))
  expect(range.days.map(({ date }) => date)).toEqual(['2026-11-29', '2026-11-30'])
  expect(range.until).toBe(at('2026-11-30T06:00:00Z'))
})

test('one day is a range', () => {
  const range = parseRange({ from: '2026-11-29', to: '2026-11-29' }, 'Pacific/Kiritimati', at('2026-12-05'))
  expect(range.days.map(({ date }) => date)).toEqual(['2026-11-29'])
  expect(range.since).toBe(at('2026-11-28T10:00:00Z'))
})

describe('what is no range is a usage error', () => {
  test.each([
    '2026-2-1',
    '2026-13-01',
    '2026-02-29',
    '0000-01-01',
    '20261123',
    ' 2026-11-23',
    '٢٠٢٦-١١-٢٣',
    '9999-12-31',
  ])('--from %s', (from) => {
    expect(() => parseRange({ from }, 'UTC', at('2026-12-01'))).toThrow(UsageError)
  })

  test('92 days are allowed, 93 are not', () => {
    const range = (from: string) => parseRange({ from, to: '2026-12-01' }, 'UTC', at('2026-12-05'))
    expect(range('2026-09-01').days).toHaveLength(92)
    expect(() => range('2026-08-31')).toThrow('is more than 92 days, the longest report.')
  })
})
