import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { SemanticPlan } from '#src/core/caller.ts'
import { planOf } from '#src/policy/semantic-plan.ts'
import { createRedisConnection } from '#src/redis/connection.ts'
import { createAuto } from '#src/semantic/decision/auto/auto.ts'
import { createSharedStates } from '#src/semantic/decision/auto/shared-states.ts'
import { calibrationScopeOf } from '#src/semantic/query/partition.ts'
import { llmGateway } from '../command.ts'
import {
  configure,
  environment,
  folder,
  redis,
  report,
  reset,
  smtp,
  start,
  stop,
  supabase,
  WEEK,
} from './command-kit.ts'

beforeAll(start)
beforeEach(reset)
afterAll(stop)

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
