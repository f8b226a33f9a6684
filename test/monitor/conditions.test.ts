import { rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { until } from '../until.ts'
import { QUICK } from './kit.ts'
import { closing, forgetMetrics, startAgent, startWorld, writeMinute } from './world.ts'

/** A budget that a few calls spend, at a price that makes them dear. */
const DEAR = {
  models: { 'gpt-4o-mini': { input: 100_000, output: 100_000, maxOutput: 100 } },
  teams: { prod_customer: { agents: ['support'], rpm: 12, tpm: 100_000_000 } },
}

async function startSite() {
  let status = 200
  const server = createServer((_, response) => response.writeHead(status).end())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing(async () => void server.close())
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/health`,
    answer(next: number) {
      status = next
    },
  }
}

test('every condition that a running system can have is caused and ended: a mail and a recovery each, once', async () => {
  const site = await startSite()
  const config = {
    ...QUICK,
    thresholds: {
      ...QUICK.thresholds,
      latency: { p95Seconds: 0.3, minCalls: 5, forSeconds: 0 },
      dailySpendUsd: 0.01,
      silentMonitorSeconds: 8,
      probes: { timeoutSeconds: 30, forSeconds: 0 },
    },
    probes: [{ name: 'langfuse', url: site.url }],
  }
  const { redis, smtp, monitors } = await startWorld(config)
  const agent = await startAgent(redis, DEAR)
  const third = monitors.start('three')
  for (const name of ['one', 'two']) monitors.start(name)
  // Its sign of life; before that, no monitor expects it.
  while ((await redis.admin.hexists('gw:{monitor}:alive', 'three')) === 0)
    await new Promise((resolve) => setTimeout(resolve, 20))

  await third.end('SIGKILL')
  site.answer(503)
  agent.upstream.fail({ type: 'latency', ms: 600 }, { times: 10 })
  await agent.call(8)
  await agent.fail(4)
  await agent.call(3)
  await writeMinute(redis, 'prod_ceo/ceo-insights', 'calls=10 degraded=9 cost=20000000000')
  const hour = Math.floor(Date.now() / 3_600_000)
  await redis.admin.hset(`gw:{metrics}:hour:${hour}`, 'prod_ceo/ceo-insights', 'calls=10 cost=24000000000')
  await redis.admin.hset('gw:{metrics}:minute:garbage', 'x', 'y')
  await redis.admin.hset(
    `gw:{metrics}:minute:${Math.floor(Date.now() / 60_000)}`,
    'not a row',
    'calls=x =3 \u0000',
  )
  await redis.admin.set('gw:{policy}:live', 'garbage')
  for (let row = 0; row < 5; row += 1) await redis.admin.xadd('gw:{usage}:spill', '*', 'row', '{}')

  const expected = [
    'budget',
    'cache-degraded',
    'daily-spend',
    'down',
    'error-rate',
    'latency',
    'monitor-silent',
    'policy-refused',
    'quota-exceeded',
    'rows-waiting',
  ]
  const told = (kind: string) =>
    smtp.mails
      .map(({ messageId = '' }) => new RegExp(`^<([a-z-]+)-[a-z0-9]+\\.${kind}@`).exec(messageId)?.[1])
      .filter((name) => name !== undefined && name !== 'burn-rate')
      .toSorted()
  await until(() => told('firing').length >= expected.length, 'all mails').catch(() => undefined)
  expect(told('firing'), monitors.logs()).toEqual(expected)

  monitors.start('three')
  site.answer(204)
  await redis.admin.del('gw:{policy}:live', 'gw:{usage}:spill')
  await forgetMetrics(redis)
  await until(() => told('resolved').length >= expected.length, 'all recoveries').catch(() => undefined)
  expect(told('resolved'), monitors.logs()).toEqual(expected)
  expect(told('firing')).toEqual(expected)

  const spend = smtp.mails.find(({ messageId = '' }) => messageId.includes('quota-exceeded'))
  expect(spend?.text).toMatch(
    /Team prod_customer: (1 call was|[23] calls were) refused .* \(requests a minute\)/,
  )
})

test('a monitor whose clock is a day ahead goes by the clock of Redis, and says so', async () => {
  const { redis, smtp, monitors } = await startWorld()
  const shift = join(tmpdir(), `gateway-clock-${process.pid}.mjs`)
  closing(async () => rmSync(shift, { force: true }))
  writeFileSync(shift, 'const now = Date.now; Date.now = () => now() + 86_400_000\n')
  monitors.start('one', [], { NODE_OPTIONS: `--import=${shift}` })
  await until(() => smtp.mails.length > 0, 'a mail')
  expect(smtp.mails[0]?.subject).toContain('Wrong clock')
  await writeMinute(redis, 'prod_customer/support', 'calls=20 errors=10')
  await until(() => smtp.mails.length > 1, 'a mail about errors')
  expect(smtp.mails[1]?.subject).toContain('Error rate')
})
