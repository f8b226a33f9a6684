import { expect, test } from 'vitest'
import { forecastOf, monthOf, sampleDays } from './forecast.ts'

const at = (text: string) => Date.parse(text)
const samples = (...costs: number[]) => costs.map((usd) => ({ usd, calls: 10 }))

test('the rest of the month costs the mean of the sampled days', () => {
  const forecast = forecastOf(at('2026-11-21T00:00:00Z'), 'UTC', 200, samples(10, 10, 10, 10, 10, 10, 10))
  expect(forecast).toEqual({
    month: '2026-11',
    spentUsd: 200,
    expectedUsd: 300,
    lowUsd: 300,
    highUsd: 300,
    daysLeft: 10,
    sampledDays: 7,
  })
})

test('days that differ widen the range, which never falls below what is spent', () => {
  const forecast = forecastOf(at('2026-11-21T00:00:00Z'), 'UTC', 200, samples(0, 0, 0, 70, 0, 0, 0))
  expect(forecast?.expectedUsd).toBe(300)
  expect(forecast?.lowUsd).toBe(200)
  expect(forecast?.highUsd).toBeGreaterThan(400)
})

test('the rest of a day counts as a part, and a day of 25 hours as one day', () => {
  const left = (until: string) => forecastOf(at(until), 'America/Chicago', 0, samples(24))?.daysLeft
  // The first of November has 25 hours.
  expect(left('2026-11-01T05:00:01Z')).toBeCloseTo(30, 3)
  expect(left('2026-11-01T17:30:00Z')).toBe(29.5)
  expect(left('2026-12-01T05:59:00Z')).toBeCloseTo(1 / 1_440)
})

test('at the end of a month nothing is left, and the month is the one that ended', () => {
  const until = at('2026-12-01T06:00:00Z')
  expect(monthOf(until, 'America/Chicago')).toEqual({
    month: '2026-11',
    startsAt: at('2026-11-01T05:00:00Z'),
  })
  expect(forecastOf(until, 'America/Chicago', 321, samples(5))).toMatchObject({
    expectedUsd: 321,
    daysLeft: 0,
  })
})

test('samples are the seven whole days before, and days before the first call are none', () => {
  const days = sampleDays(at('2026-12-02T15:00:00Z'), 'UTC').map(({ date }) => date)
  expect(days).toEqual([
    '2026-11-25',
    '2026-11-26',
    '2026-11-27',
    '2026-11-28',
    '2026-11-29',
    '2026-11-30',
    '2026-12-01',
  ])
  const none = { usd: 0, calls: 0 }
  expect(forecastOf(at('2026-11-21'), 'UTC', 0, [none, none, ...samples(6, 8), none])).toMatchObject({
    sampledDays: 3,
  })
  expect(forecastOf(at('2026-11-21'), 'UTC', 0, [none, none])).toBeUndefined()
})
