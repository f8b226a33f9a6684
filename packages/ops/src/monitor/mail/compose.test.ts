import { inflateSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { Alert } from '../../alerting/alert.ts'
import type { Notice, NoticeKind } from '../../alerting/incident.ts'
import type { Measured } from '../measure/measured.ts'
import { compose } from './compose.ts'

const NOON = Date.parse('2026-11-23T12:00:00Z')
const MINUTE_MS = 60_000

const alert = (some: Partial<Alert> = {}): Alert => ({
  alert: 'error-rate',
  labels: {},
  severity: 'critical',
  isActive: true,
  value: 12.4,
  threshold: 5,
  unit: 'percent',
  text: '31 of 250 calls failed in the last 5 minutes: 12.4 %.',
  activeSince: NOON - 10 * MINUTE_MS,
  firingSince: NOON - 9 * MINUTE_MS,
  worst: 20,
  ...some,
})

const notice = (kind: NoticeKind, members: Record<string, Alert> = { one: alert() }): Notice => ({
  kind,
  sequence: 3,
  at: NOON,
  incident: { id: 'error-rate-x1', alert: members.one?.alert ?? 'error-rate', openedAt: NOON, members },
})

const history = Array.from({ length: 60 }, (_, minute) => ({
  calls: 50,
  errors: minute > 49 ? 6 : 0,
  refused: 0,
  degraded: 0,
  costUsd: 0,
  p95Ms: 0,
}))
const spend = { usd: 0, teams: {} }
const measured: Measured = {
  now: NOON,
  day: { startsAt: NOON, endsAt: NOON },
  timezone: 'Europe/Berlin',
  windowMinutes: 5,
  redisTrouble: '',
  calls: {
    window: { calls: 0, errors: 0, degraded: 0, refusals: {} },
    today: spend,
    hour: spend,
    quarter: spend,
    history,
  },
}
const options = {
  runbookUrl: 'https://docs.example.com/alerts',
  domain: 'example.com',
  webhooks: [],
  hasMail: true,
}

function mailOf(one: Notice, state = measured) {
  const [mail] = compose(one, state, options)
  if (mail === undefined) throw new Error('there is no mail')
  return mail
}

describe('a mail', () => {
  test('tells what, since when, how bad, and what to do, in text and HTML alike', () => {
    const mail = mailOf(notice('firing'))
    expect(mail.subject).toBe('[critical] Error rate (error-rate-x1)')
    expect(mail.text).toBe(`Error rate

31 of 250 calls failed in the last 5 minutes: 12.4 %.

Since: 12:50 (Europe/Berlin), for 10 min
Value: 12.4 %
Threshold: 5 %

What to do: https://docs.example.com/alerts#error-rate
To stop reminders and the escalation: llm-gateway silence ack error-rate-x1
`)
    for (const part of [
      '31 of 250 calls',
      '12:50 (Europe/Berlin)',
      '12.4 %',
      'alerts#error-rate',
      'silence ack error-rate-x1',
    ])
      expect(mail.html).toContain(part)
  })

  test('of a recovery gives the duration and the worst value, and asks for nothing', () => {
    const over = alert({ isActive: false, value: 0.4, resolvedAt: NOON })
    const { subject, text } = mailOf(notice('resolved', { one: over }))
    expect(subject).toBe('Over: [critical] Error rate (error-rate-x1)')
    expect(text).toContain(
      'Lasted: 12:50 to 13:00 (Europe/Berlin), 10 min\nNow: 0.4 %\nThreshold: 5 %\nWorst: 20 %',
    )
    expect(text).toContain('Nothing needs to be done.')
    expect(text).not.toContain('silence ack')
  })

  test('has an id of its own for each message, and all but the first refer to the first', () => {
    const kinds: NoticeKind[] = ['firing', 'update', 'reminder', 'escalation', 'resolved']
    const mails = kinds.map((kind) => mailOf(notice(kind)))
    expect(mails.map(({ messageId }) => messageId)).toEqual([
      '<error-rate-x1.firing@example.com>',
      '<error-rate-x1.update-3@example.com>',
      '<error-rate-x1.reminder-3@example.com>',
      '<error-rate-x1.escalation-3@example.com>',
      '<error-rate-x1.resolved@example.com>',
    ])
    expect(mails.map(({ inReplyTo }) => inReplyTo)).toEqual([
      undefined,
      ...Array(4).fill('<error-rate-x1.firing@example.com>'),
    ])
  })

  test('of several teams lists each, and its subject counts them', () => {
    const of = (team: string) =>
      alert({ alert: 'quota-exceeded', labels: { team }, text: `Team ${team}: 3 calls` })
    const { subject, text } = mailOf(notice('firing', { one: of('a'), two: of('b') }))
    expect(subject).toContain('Quota exceeded: a and 1 more')
    expect(text).toContain('Team a: 3 calls\nTeam b: 3 calls')
  })

  test('counts in the singular, and large numbers in groups', () => {
    const rows = (value: number, threshold: number) =>
      mailOf(notice('firing', { one: alert({ alert: 'rows-waiting', unit: 'rows', value, threshold }) })).text
    expect(rows(1, 1)).toContain('Value: 1 row\nThreshold: 1 row\n')
    expect(rows(25_001, 25_000)).toContain('Value: 25,001 rows\nThreshold: 25,000 rows\n')
    const usd = { alert: 'daily-spend', unit: 'usd', value: 12_345.6, threshold: 10_000 } as const
    expect(mailOf(notice('firing', { one: alert(usd) })).text).toContain('Value: $12,345.60')
  })

  test('names the section of the runbook where no address of it is configured', () => {
    const { runbookUrl: _, ...rest } = options
    const [mail] = compose(notice('firing'), measured, rest)
    for (const part of [mail?.text, mail?.html])
      expect(part).toContain('What to do: runbooks/alerts.md, section error-rate')
  })

  test('speaks of the escalation only where there is one to stop', () => {
    const stop = (one: Notice) => /^To stop .*:/m.exec(mailOf(one).text)?.[0]
    expect(stop(notice('firing'))).toBe('To stop reminders and the escalation:')
    expect(stop(notice('firing', { one: alert({ severity: 'warning' }) }))).toBe('To stop reminders:')
    const escalated = notice('reminder')
    escalated.incident.sent = { firstAt: 0, lastAt: 0, count: 2, known: [], escalatedAt: 1 }
    expect(stop(escalated)).toBe('To stop reminders:')
  })

  test('shows names that come from outside as text', () => {
    const { html } = mailOf(notice('firing', { one: alert({ text: '<script>"&\'' }) }))
    expect(html).toContain('&lt;script&gt;&quot;&amp;&#39;')
    expect(html).not.toContain('<script>')
  })

  test('has a picture of the last hour: a valid PNG, whose last 10 minutes are red', () => {
    const { chart = '', html } = mailOf(notice('firing'))
    expect(html).toContain('src="cid:last-hour"')
    expect(html).toContain('The last hour, minute by minute; highest: 12 %; dashed: 5 %')
    const spent = mailOf(notice('firing', { one: alert({ alert: 'budget', threshold: 50 }) })).html
    expect(spent).toContain('minute by minute; highest: $0.00<')
    const { width, pixels } = decodePng(Buffer.from(chart, 'base64'))
    const isRed = (minute: number) =>
      pixels.some((colour, at) => colour === 2 && Math.floor((at % width) / 10) === minute)
    expect(Array.from({ length: 60 }, (_, minute) => isRed(minute))).toEqual(
      history.map(({ errors }) => errors > 0),
    )
  })

  test('has no picture where the figures are unknown', () => {
    const { calls: _, ...rest } = measured
    const { chart, html } = mailOf(notice('firing'), rest)
    expect(chart).toBeUndefined()
    expect(html).not.toContain('cid:')
  })
})

/** Reads an image of indexed colours, as the encoder writes it. */
function decodePng(png: Buffer): { width: number; pixels: number[] } {
  expect(png.subarray(1, 4).toString()).toBe('PNG')
  const width = png.readUInt32BE(16)
  let at = 8
  while (png.toString('latin1', at + 4, at + 8) !== 'IDAT') at += 12 + png.readUInt32BE(at)
  const rows = inflateSync(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)))
  const pixels = [...rows].filter((_, place) => place % (width + 1) !== 0)
  expect(pixels.length).toBe(width * png.readUInt32BE(20))
  return { width, pixels }
}
