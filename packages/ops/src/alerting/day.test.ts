import { describe, expect, test } from 'vitest'
import { dayOf, isQuietAt } from './day.ts'

const HOUR_MS = 3_600_000
const at = (text: string) => Date.parse(text)

describe('a day', () => {
  test.each([
    ['UTC', '2026-11-23T12:34:56Z', '2026-11-23T00:00Z', 24],
    ['Europe/Berlin, summer time begins', '2026-03-29T12:00Z', '2026-03-28T23:00Z', 23],
    ['Europe/Berlin, summer time ends', '2026-10-25T12:00Z', '2026-10-24T22:00Z', 25],
    ['America/New_York, the last of a month', '2026-02-28T23:00Z', '2026-02-28T05:00Z', 24],
    ['America/New_York, a leap day', '2028-02-29T12:00Z', '2028-02-29T05:00Z', 24],
    ['Asia/Kathmandu, 5:45 ahead', '2026-06-30T18:14Z', '2026-06-29T18:15Z', 24],
    // Summer time begins at midnight there: the day begins at 01:00.
    ['Africa/Cairo, no midnight', '2026-04-24T12:00Z', '2026-04-23T22:00Z', 23],
    ['America/Havana, two midnights', '2026-11-01T12:00Z', '2026-11-01T04:00Z', 25],
  ])('in %s at %s begins at %s and has %d hours', (zone, now, start, hours) => {
    const { startsAt, endsAt } = dayOf(at(now), zone.split(',')[0] ?? '')
    expect(new Date(startsAt).toISOString()).toBe(new Date(start).toISOString())
    expect((endsAt - startsAt) / HOUR_MS).toBe(hours)
  })

  test('begins where the one before ends, for a year of days, and holds its own instants', () => {
    for (const zone of ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu']) {
      let { endsAt } = dayOf(at('2026-01-01T12:00Z'), zone)
      for (let day = 0; day < 365; day += 1) {
        const next = dayOf(endsAt, zone)
        expect(next.startsAt, zone).toBe(endsAt)
        expect(dayOf(next.endsAt - 1, zone), zone).toEqual(next)
        endsAt = next.endsAt
      }
    }
  })
})

describe('quiet hours', () => {
  const night = { timezone: 'Europe/Berlin', from: '22:00', to: '07:00' }
  test.each([
    ['2026-07-01T19:59Z', false],
    ['2026-07-01T20:00Z', true],
    ['2026-07-02T04:59Z', true],
    ['2026-07-02T05:00Z', false],
    // In winter the same hours are an hour later in UTC.
    ['2026-12-31T20:30Z', false],
    ['2026-12-31T23:30Z', true],
    // The hour that comes twice, and the end of the night without summer time.
    ['2026-10-25T00:30Z', true],
    ['2026-10-25T01:30Z', true],
    ['2026-10-25T05:59Z', true],
    ['2026-10-25T06:00Z', false],
  ])('at %s in Berlin: %s', (time, expected) => {
    expect(isQuietAt(at(time), night)).toBe(expected)
  })

  test('within a day, and none where both ends are equal or none are set', () => {
    const noon = { timezone: 'UTC', from: '12:00', to: '13:00' }
    expect(
      ['11:59', '12:00', '12:59', '13:00'].map((time) => isQuietAt(at(`2026-01-01T${time}Z`), noon)),
    ).toEqual([false, true, true, false])
    expect(isQuietAt(at('2026-01-01T12:00Z'), { ...noon, to: '12:00' })).toBe(false)
    expect(isQuietAt(at('2026-01-01T12:00Z'), undefined)).toBe(false)
  })
})
