import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { SemanticPlan } from '#src/core/caller.ts'
import { planOf } from '#src/policy/semantic-plan.ts'
import { createRedisConnection } from '#src/redis/connection.ts'
import { createAuto } from '#src/semantic/decision/auto/auto.ts'
import { createSharedStates } from '#src/semantic/decision/auto/shared-states.ts'
import { calibrationScopeOf } from '#src/semantic/query/partition.ts'
import { llmGateway, type Ran } from '../command.ts'
import { startSmtp, type TestSmtp } from '../monitor/smtp.ts'
import { type RedisServer, startRedis } from '../redis/server.ts'
import { type Supabase, startSupabase } from '../supabase/server.ts'
import { openTerminal } from '../top/terminal.ts'
import { usualWeek } from './week.ts'

const folder = mkdtempSync(join(tmpdir(), 'gateway-report-'))
const config = join(folder, 'monitor.json')
let supabase: Supabase
let redis: RedisServer
let smtp: TestSmtp

beforeAll(async () => {
  supabase = await startSupabase()
  redis = await startRedis()
  smtp = await startSmtp()
  await supabase.sql(usualWeek())
})
beforeEach(() => {
  smtp.become('accept')
  smtp.mails.length = 0
  configure({})
})
afterAll(async () => {
  await supabase?.close()
  await redis?.close()
  await smtp?.close()
  rmSync(folder, { recursive: true, force: true })
})

const configure = (report: object) =>
  writeFileSync(
    config,
    JSON.stringify({
      timezone: 'America/Chicago',
      mail: {
        from: 'LLM gateway <report@example.com>',
        to: ['ceo@example.com', 'ops@example.com'],
        timeoutSeconds: 60,
        retrySeconds: 0.05,
      },
      report,
    }),
  )

/** Has an agent in mode `auto` learn from right answers, as a process does. */
async function learn(url: string, agent: string, right: number, money: { saved: number; spent: number }) {
  const link = createRedisConnection(url, {
    deadlineMs: 10_000,
    connectMs: 10_000,
    onChange: () => undefined,
  })
  const work: Promise<void>[] = []
  const auto = createAuto({
    shared: createSharedStates(link),
    track: (each) => void work.push(each),
    now: () => performance.now(),
  })
  const scope = calibrationScopeOf(
    { caller: { team: 'prod_customer', agent } },
    'words',
    'a secret of this test',
  )
  const plan = planOf([{ semantic: { mode: 'auto', errorBudget: 0.1 } }]) as SemanticPlan
  for (let each = 0; each < right; each += 1) auto.judged(scope, plan, true)
  auto.enter(scope, plan, { ...money, hits: 1, judgements: 1 })
  await Promise.all(work)
  await auto.settled()
  link.close()
}

const environment = (more: Record<string, string> = {}) => ({
  SUPABASE_URL: supabase.url,
  SUPABASE_SECRET_KEY: supabase.keys.secret,
  LLM_GATEWAY_SMTP_URL: smtp.url,
  ...more,
})
const WEEK = ['--from', '2026-11-23', '--to', '2026-11-29']
const report = (args: string[], more: Record<string, string> = {}): Promise<Ran> =>
  llmGateway(['report', '--config', config, ...args], environment(more))

test('a week in a pipe: the verdict first, 80 columns, no colours', async () => {
  const { code, out, err } = await report(WEEK)
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect(out).toMatch(/^LLM gateway, 23 Nov to 29 Nov 2026 \(America\/Chicago\)\n\n\d of 7 targets missed: /)
  for (const title of ['TARGETS OF THE WEEK', 'SPEND A DAY', 'SAVINGS: ', 'COST BY AGENT', 'TOKENS BY MODEL'])
    expect(out).toContain(`\n${title}`)
  for (const title of ['QUOTAS BY TEAM', 'DEAREST REQUESTS', 'FORECAST OF NOV 2026'])
    expect(out).toContain(`\n${title}`)
  expect(out).not.toContain('\u001b')
  expect(out.split('\n').filter((line) => [...line].length > 80)).toEqual([])
})

test.each([
  [60, 60],
  [80, 80],
  [120, 120],
  [200, 120],
])('at a terminal of %i columns no line is longer than %i', async (columns, most) => {
  const terminal = openTerminal(['report', '--config', config, ...WEEK], environment(), columns, 200)
  try {
    expect(await terminal.ended).toBe(0)
    const lines = (await terminal.screen()).filter((line) => line !== '')
    expect(lines.some((line) => line.startsWith('DEAREST REQUESTS'))).toBe(true)
    expect(Math.max(...lines.map((line) => [...line].length))).toBeLessThanOrEqual(most)
    expect(terminal.output()).toContain('\u001b[1m')
  } finally {
    terminal.close()
  }
})

test('targets and intended refusals are those of the configuration', async () => {
  configure({
    targets: {
      hitRatePercent: 99,
      p95Seconds: 1_000,
      errorPercent: 99,
      dailySpendUsd: 10_000,
      semanticNetUsd: -9,
    },
    intendedRefusals: ['prod_customer', 'prod_ceo', 'prod_background'],
  })
  const { out } = await report([...WEEK, '--json'])
  const { targets, timezone } = JSON.parse(out)
  expect(timezone).toBe('America/Chicago')
  const statuses = Object.fromEntries(
    targets.map(({ name, status, target }: Record<string, unknown>) => [name, [status, target]]),
  )
  expect(statuses).toEqual({
    'hit-rate': ['missed', 99],
    latency: ['met', 1_000],
    errors: ['met', 99],
    spend: ['met', 10_000],
    semantic: ['met', -9],
    uptime: ['unknown', 99.9],
    quota: ['met', 0],
  })
})

describe('with Redis', () => {
  test('uptime is that of the probes of those days, by the address that was up least', async () => {
    const hour = Date.parse('2026-11-24T12:00:00Z') / 3_600_000
    await redis.admin.hset(`gw:{monitor}:probes:${hour}`, {
      'gateway:all': 120,
      'gateway:ok': 120,
      'langfuse:all': 100,
    })
    await redis.admin.hset(`gw:{monitor}:probes:${hour + 1}`, { 'gateway:all': 880, 'gateway:ok': 879 })
    await redis.admin.hset(`gw:{monitor}:probes:${hour + 1}`, {
      'langfuse:all': 900,
      'langfuse:ok': 998,
      junk: 'x',
    })
    // The day before the report.
    await redis.admin.hset(`gw:{monitor}:probes:${hour - 48}`, { 'gateway:all': 500 })
    const { out } = await report([...WEEK, '--json', '--redis', redis.url])
    const uptime = JSON.parse(out).targets.find(({ name }: { name: string }) => name === 'uptime')
    expect(uptime).toMatchObject({ status: 'missed', valueText: '99.80 %', value: 99.8 })
    expect(uptime.detail).toMatch(/^langfuse 99\.80 %, gateway 99\.90 %; measured in 2 of 16[89] hours$/)
  })

  test('rows that wait for Supabase are named', async () => {
    await redis.admin.xadd('gw:{usage}:spill', '*', 'row', '{}')
    const { out } = await report([...WEEK, '--redis', redis.url])
    expect(out).toContain('1 row still waits in Redis for Supabase.')
    await redis.admin.del('gw:{usage}:spill')
  })

  test('agents in mode auto are on or off, with evidence and balance, in every form of the report', async () => {
    const off = await report([...WEEK, '--redis', redis.url])
    expect(off.out).not.toContain('MODE AUTO')
    await learn(redis.url, 'support', 40, { saved: 2e9, spent: 1e9 })
    await learn(redis.url, 'seo', 12, { saved: 1e6, spent: 3e6 })
    const page = join(folder, 'auto.html')
    const { out } = await report([...WEEK, '--redis', redis.url, '--html', page, '--email'])
    const [, section = ''] = /\nSEMANTIC CACHE IN MODE AUTO\n([\s\S]*?)\n\n/.exec(out) ?? []
    const words = section.replace(/\s+/g, ' ')
    expect(words).toMatch(/seo \(prod_customer\): off for .* s\. Judgements do not prove the error budget\./)
    expect(words).toMatch(
      /12 answers judged, 0 wrong: .* allowed are 10\.0 %; 18 right answers more would prove it/,
    )
    expect(words).toMatch(/support \(prod_customer\): on for .* s\. Judgements prove the error budget/)
    expect(words).toMatch(/\$2\.00 saved by 1 hit, \$1\.00 spent, .* today \$2\.00 and \$1\.00/)
    expect(section.split('\n').filter((line) => [...line].length > 80)).toEqual([])
    const html = readFileSync(page, 'utf8')
    for (const text of ['Semantic cache in mode auto', '40 answers judged', '$2.00 saved by 1 hit'])
      expect(html).toContain(text)
    expect(smtp.mails.at(-1)?.text).toContain('Today $2.00 saved, $1.00 spent.')
    const { semanticAuto } = JSON.parse((await report([...WEEK, '--json', '--redis', redis.url])).out)
    expect(semanticAuto).toMatchObject([
      { agent: 'seo', serving: false, reason: 'unproven', judged: 12, rightNeeded: 18 },
      { agent: 'support', serving: true, reason: 'proven', judged: 40, today: { savedUsd: 2, spentUsd: 1 } },
    ])
  })

  test('a Redis that is away costs the uptime only', async () => {
    const { code, out } = await report([...WEEK, '--redis', 'redis://127.0.0.1:1'])
    expect(code).toBe(0)
    expect(out).toMatch(/Redis could not be read, so uptime\s+is unknown/)
    expect(out).toContain('COST BY AGENT')
  })
})

test('--email sends verdict, targets and plots to all recipients, in text and HTML, with the page attached', async () => {
  const { code, err } = await report([...WEEK, '--email'])
  expect({ code, err }).toEqual({ code: 0, err: 'Sent to 2 recipients.\n' })
  const [mail, ...more] = smtp.mails
  expect(more).toEqual([])
  expect(mail?.subject).toMatch(/^LLM gateway: \d targets missed, \$[\d,.]+ spent \(23 Nov to 29 Nov 2026\)$/)
  expect(JSON.stringify(mail?.to)).toContain('ceo@example.com')
  expect(mail?.text).toMatch(/targets missed[\s\S]*The calls cost \$[\s\S]*Cache hit rate/)
  expect(mail?.html).toMatch(/targets missed[\s\S]*The calls cost \$[\s\S]*Cache hit rate/)
  expect(mail?.html).not.toMatch(/<script|<img|http:|https:/)
  const [page] = mail?.attachments ?? []
  expect(page?.filename).toBe('llm-gateway-2026-11-23-to-2026-11-29.html')
  expect(page?.content.toString()).toContain('<svg')
})

test('a mail that the server does not take is a failure: at once for a 5xx, after three attempts for a 4xx', async () => {
  const before = smtp.refusals()
  smtp.become('refuse')
  const refused = await report([...WEEK, '--email', '--json'])
  expect(refused.code).toBe(1)
  expect(refused.err).toMatch(/The mail was not accepted: .*550.*\nCheck mail\.from and mail\.to/)
  // One for each recipient.
  expect(smtp.refusals() - before).toBe(2)
  smtp.become('greylist')
  const postponed = await report([...WEEK, '--email', '--json'])
  expect(postponed.err).toMatch(/The mail was not accepted: .*451/)
  expect(smtp.refusals() - before).toBe(8)
  expect(smtp.mails).toEqual([])
  expect(refused.err + postponed.err).not.toContain('p@ss')
})

test('--html writes the page', async () => {
  const file = join(folder, 'week.html')
  const { code, err } = await report([...WEEK, '--html', file])
  expect({ code, err }).toEqual({ code: 0, err: `Written: ${file}\n` })
  expect(readFileSync(file, 'utf8')).toMatch(/^<!doctype html>[\s\S]*<svg[\s\S]*<\/html>\n$/)
})

describe('bad input says what is expected', () => {
  test.each([
    [['--from', 'yesterday'], '--from yesterday: must be a date such as 2026-11-23.'],
    [['--from', '2026-02-30'], '--from 2026-02-30: must be a date such as 2026-11-23.'],
    [['--to', '23.11.2026'], '--to 23.11.2026: must be a date such as 2026-11-23.'],
    [['--to', ''], '--to : must be a date such as 2026-11-23.'],
    [['--to', '2026-11-23T10:00:00Z'], 'must be a date such as 2026-11-23.'],
    [['--from', '2026-11-24', '--to', '2026-11-23'], '--from 2026-11-24 is after --to 2026-11-23'],
    [['--from', '9000-01-01', '--to', '9000-01-02'], '9000-01-01 has not begun yet (America/Chicago)'],
    [['--from', '2025-01-01', '--to', '2026-11-23'], 'is more than 92 days, the longest report.'],
    [['week'], '"week" is a word too many.'],
    [['--weeks', '1'], "Unknown option '--weeks'"],
  ])('%j', async (args, message) => {
    const { code, err, out } = await report(args)
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toContain(message)
  })

  test('an invalid setting of a target is refused', async () => {
    configure({ targets: { hitRatePercent: 130, latency: 2 }, intendedRefusals: ['a:b:c'] })
    const { code, err } = await report(WEEK)
    expect(code).toBe(2)
    expect(err).toMatch(/report\.targets\.hitRatePercent: .*100/)
    expect(err).toContain('report.targets.latency: unknown field')
    expect(err).toContain('report.intendedRefusals.0: must be "team" or "team:code"')
  })

  test('no project, no recipients, no mail server', async () => {
    const without = await llmGateway(['report'], {})
    expect(without.code).toBe(2)
    expect(without.err).toContain('set SUPABASE_URL (https://…) and SUPABASE_SECRET_KEY')
    const noRecipients = await llmGateway(['report', '--email'], environment())
    expect(noRecipients).toMatchObject({ code: 2, err: expect.stringContaining('--email needs recipients') })
    const server = await report(['--email'], { LLM_GATEWAY_SMTP_URL: '' })
    expect(server).toMatchObject({ code: 2, err: expect.stringContaining('set LLM_GATEWAY_SMTP_URL') })
  })
})

describe('trouble with Supabase is said in one line, with what to do', () => {
  test('a key that it refuses', async () => {
    const { code, err } = await report(WEEK, { SUPABASE_SECRET_KEY: 'sb_secret_wrong' })
    expect(code).toBe(1)
    expect(err).toMatch(/^llm-gateway: Supabase refuses SUPABASE_SECRET_KEY/)
    expect(err).not.toContain('sb_secret_wrong')
  })

  test('a server that is not there', async () => {
    const { code, err } = await report(WEEK, { SUPABASE_URL: 'http://127.0.0.1:1' })
    expect(code).toBe(1)
    expect(err).toMatch(
      /^llm-gateway: Supabase cannot be reached \((?!TypeError).+\)\. Check SUPABASE_URL.+\n$/,
    )
  })

  test('migrations that are missing', async () => {
    await supabase.sql('alter function llm_report_span(timestamptz, timestamptz) rename to hidden')
    try {
      await supabase.migrate()
      await supabase.sql('drop function llm_report_span(timestamptz, timestamptz)')
      const { code, err } = await report(WEEK)
      expect(code).toBe(1)
      expect(err).toMatch(/^llm-gateway: Supabase .+\n$/)
    } finally {
      await supabase.sql('drop function hidden(timestamptz, timestamptz)')
      await supabase.migrate()
    }
  })
})

test('a day that takes the database too long is read in halves', async () => {
  const before = JSON.parse((await report([...WEEK, '--json'])).out)
  // Spans of more than three hours take too long.
  await supabase.sql(`
    alter function llm_report_span(timestamptz, timestamptz) rename to llm_report_quick;
    create function llm_report_span(since timestamptz, until timestamptz) returns jsonb language plpgsql stable as $$
    begin
      if until - since > interval '3 hours' then
        raise exception 'canceling statement due to statement timeout' using errcode = '57014';
      end if;
      return public.llm_report_quick(since, until);
    end $$`)
  try {
    const after = JSON.parse((await report([...WEEK, '--json'])).out)
    expect(after.totals).toEqual(before.totals)
    expect(after.days).toEqual(before.days)
    expect(after.dearest).toEqual(before.dearest)
  } finally {
    await supabase.sql(`
      drop function llm_report_span(timestamptz, timestamptz);
      alter function llm_report_quick(timestamptz, timestamptz) rename to llm_report_span`)
  }
})
