import { afterEach, beforeEach, expect, test } from 'vitest'
import { llmGateway } from '../command.ts'
import { type RedisServer, startRedis } from '../redis/server.ts'
import { openTerminal, type TestTerminal } from './terminal.ts'

const open: (() => unknown)[] = []
let redis: RedisServer

beforeEach(async () => {
  redis = await startRedis()
  open.push(() => redis.close())
})
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

/** Writes what gateways would have counted in the current minute and hour (docs/metrics.md). */
async function count(row: string, counters: string): Promise<void> {
  const [seconds] = await redis.admin.time()
  for (const [key, length] of [
    ['minute', 60],
    ['hour', 3_600],
  ] as const)
    await redis.admin.hset(`gw:{metrics}:${key}:${Math.floor(Number(seconds) / length)}`, row, counters)
}

const SUPPORT = 'prod_customer/support'
const SEO = 'prod_background/seo'

async function countUsual(): Promise<void> {
  // Bucket 141 of latencies is some 0.7 s.
  await count(
    SUPPORT,
    'calls=120 hits.exact=60 cost=12500000000 saved=3000000000 errors=3 spared.80=60 asked.141=57',
  )
  await count(SEO, 'calls=4 cost=9500000000 asked.141=4 refused.gateway_rpm_exceeded=2')
}

function openTop(columns: number, rows: number, args: string[] = []): TestTerminal {
  const terminal = openTerminal(['top', '--interval', '1', ...args, '--redis', redis.url], {}, columns, rows)
  open.push(terminal.close)
  return terminal
}

const shows = (terminal: TestTerminal, text: string | RegExp) =>
  expect.poll(async () => (await terminal.screen()).join('\n')).toMatch(text)

test('one picture has each agent with rate, hits, errors, refusals and dollars, and each team with its cap', async () => {
  await countUsual()
  const { code, out } = await llmGateway(['top', '--once', '--redis', redis.url], {})
  expect(code).toBe(0)
  expect(out).not.toContain('\u001b')
  expect(out).toMatch(/^support +prod_custo\S* +\S+ +50\.0 % +\S+ m?s +2\.5 % +0 +\$12\.50$/m)
  expect(out).toMatch(/^seo +prod_backg\S* +\S+ +0\.0 % +\S+ m?s +0\.0 % +2 +\$9\.50$/m)
  expect(out).toMatch(/^prod_background +\[█+.*\] +\$9\.50\/\$10\.00 +95\.0 %/m)
  expect(out).toContain('$22.00, saved $3.00')
  // The team nearest to its cap comes first.
  expect(out.indexOf('prod_background')).toBeLessThan(out.indexOf('prod_customer'))
})

test('--json has the same figures for programs', async () => {
  await countUsual()
  const { code, out } = await llmGateway(['top', '--json', '--redis', redis.url], {})
  expect(code).toBe(0)
  const { costTodayUsd, savedTodayUsd, agents, teams, window } = JSON.parse(out)
  expect({ costTodayUsd, savedTodayUsd, calls: window.calls }).toEqual({
    costTodayUsd: 22,
    savedTodayUsd: 3,
    calls: 124,
  })
  expect(agents.find(({ agent }: { agent: string }) => agent === 'support').window.hits.exact).toBe(60)
  expect(teams.find(({ team }: { team: string }) => team === 'prod_background')).toMatchObject({
    costTodayUsd: 9.5,
    capUsd: 10,
    rpm: 30,
  })
})

test.each([
  [60, 12],
  [80, 24],
  [120, 40],
  [200, 60],
])(
  'at %i columns and %i rows no line wraps, the keys are in the last line, and q restores the terminal',
  async (columns, rows) => {
    await countUsual()
    for (let at = 0; at < 80; at += 1)
      await count(`prod_ceo/agent-with-a-rather-long-name-${at}`, 'calls=1 cost=1')
    const terminal = openTop(columns, rows)
    await shows(terminal, 'CALLS/MIN')
    await expect.poll(async () => (await terminal.screen()).at(-1)).toBe('q quit  s sort')
    expect((await terminal.screen())[0]).toMatch(/^LLM gateway/)
    // Figures are whole in each line, and names are recognised.
    const screen = await terminal.screen()
    expect(screen.find((line) => line.startsWith('support'))).toMatch(/ 50\.0 % .* \$12\.50(?: |$)/)
    expect(screen.find((line) => line.startsWith('prod_background ['))).toContain('$9.50/$10.00')
    expect(screen.join('\n')).toContain('Today $22.00, saved $3.00')
    for (const line of screen.slice(0, 9)) expect(line).not.toContain('…')
    expect(await terminal.modes()).toEqual({ isAlternate: true, isCursorHidden: true })
    terminal.type('q')
    expect(await terminal.ended).toBe(0)
    expect(await terminal.modes()).toEqual({ isAlternate: false, isCursorHidden: false })
  },
)

test('a terminal that shrinks and grows is drawn anew at once, without remains of the old picture', async () => {
  await countUsual()
  const terminal = openTop(120, 30, ['--interval', '3600'])
  await shows(terminal, 'LAST 20 MINUTES')
  terminal.resize(70, 14)
  await shows(terminal, /^(?![\s\S]*LAST 20 MINUTES)[\s\S]*CALLS\/MIN/)
  await expect.poll(async () => (await terminal.screen()).at(-1)).toBe('q quit  s sort')
  terminal.resize(120, 30)
  await shows(terminal, 'LAST 20 MINUTES')
  const keys = (await terminal.screen()).filter((line) => line === 'q quit  s sort')
  expect(keys).toHaveLength(1)
})

test('it follows the metrics, and s changes the order', async () => {
  await countUsual()
  const terminal = openTop(100, 30)
  await shows(terminal, /support[\s\S]*seo/)
  await count(SEO, 'calls=4 cost=99500000000 asked.141=4')
  await shows(terminal, /\$99\.50\/\$10\.00 +995\.0 %/)
  terminal.type('s')
  await shows(terminal, 'TODAY▾')
  expect((await terminal.screen()).join('\n')).toMatch(/AGENT[\s\S]*seo[\s\S]*support/)
})

test.each(['\u0003', 'SIGTERM', 'SIGHUP'])('%j ends it and restores the terminal', async (how) => {
  const terminal = openTop(80, 24)
  await shows(terminal, 'No calls today')
  if (how.startsWith('SIG')) terminal.signal(how as NodeJS.Signals)
  else terminal.type(how)
  expect(await terminal.ended).toBe(0)
  expect(await terminal.modes()).toEqual({ isAlternate: false, isCursorHidden: false })
})

test('while Redis is away it says so, keeps the last figures, and goes on', async () => {
  await countUsual()
  const terminal = openTop(100, 30)
  await shows(terminal, '$12.50')
  await redis.kill()
  await shows(terminal, 'Redis cannot be read')
  expect((await terminal.screen()).join('\n')).toContain('$12.50')
  await redis.restart()
  await shows(terminal, /^(?![\s\S]*cannot be read)[\s\S]*No calls today/)
  terminal.type('q')
  expect(await terminal.ended).toBe(0)
})

test('names that callers chose write no control characters to the terminal', async () => {
  await count(`prod_ceo/${encodeURIComponent('x\u001b[2J\u0007\n')}`, 'calls=1 cost=1')
  const { out } = await llmGateway(['top', '--once', '--redis', redis.url], {})
  expect(out).toContain('x?[2J??')
  expect(out).not.toContain('\u001b')
})

test.each([
  [['--interval', '0'], '--interval must be a whole number of seconds from 1 to 3600.'],
  [['--interval', 'soon'], '--interval must be a whole number of seconds from 1 to 3600.'],
  [['--sort', 'name'], '--sort must be one of calls, cost, errors, p95.'],
  [['extra'], '"extra" is a word too many.'],
])('%j is a usage error', async (args, message) => {
  const { code, err } = await llmGateway(['top', ...args, '--redis', redis.url], {})
  expect(code).toBe(2)
  expect(err).toContain(message)
})

test('without Redis, --once fails with a message and the exit code 1', async () => {
  const { code, err } = await llmGateway(['top', '--once', '--redis', 'redis://127.0.0.1:1'], {})
  expect(code).toBe(1)
  expect(err).toMatch(/^llm-gateway: .+/)
})
