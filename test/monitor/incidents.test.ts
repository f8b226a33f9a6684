import { afterEach, expect, test } from 'vitest'
import { type RedisServer, startRedis } from '../redis/server.ts'
import { ask, setup, until } from '../support.ts'
import { createMonitors, QUICK } from './kit.ts'
import { startSmtp, type TestSmtp } from './smtp.ts'

/** Limits that no test reaches by its number of calls. */
const POLICY = { teams: { prod_customer: { agents: ['support'], rpm: 100_000, tpm: 100_000_000 } } }

const open: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

async function world(config: object = QUICK) {
  const redis: RedisServer = await startRedis()
  const smtp: TestSmtp = await startSmtp()
  const monitors = createMonitors(redis.url, smtp.url, config)
  open.push(
    () => redis.close(),
    () => smtp.close(),
    () => monitors.close(),
  )
  return { redis, smtp, monitors }
}

async function agent(redis: RedisServer) {
  const made = await setup(
    { redis: redis.url, metrics: { flushSeconds: 0.2 }, policy: POLICY },
    { maxRetries: 0 },
  )
  const client = made.client
  open.push(() => client.gateway.close())
  const good = async (times: number, from = 0) => {
    for (let at = 0; at < times; at += 1) await client.chat.completions.create(ask(`question ${from + at}`))
    await client.gateway.flush()
  }
  const failing = async (times: number) => {
    made.upstream.fail({ type: 'status', status: 500 }, { times: times * 10 })
    for (let at = 0; at < times; at += 1)
      await client.chat.completions.create(ask(`failing ${at}`)).catch(() => undefined)
    made.upstream.reset()
    await client.gateway.flush()
  }
  return { ...made, good, failing }
}

test('two monitors: a rising error rate sends one mail, and its recovery one more, in the same conversation', async () => {
  const { redis, smtp, monitors } = await world()
  const { good, failing } = await agent(redis)
  monitors.start('one')
  monitors.start('two')
  await good(4)
  await failing(4)
  await until(() => smtp.mails.length > 0, 'a mail', 20_000)
  const [first] = smtp.mails
  expect(first?.subject).toMatch(/^\[critical\] Error rate \(error-rate-\w+\)$/)
  expect(first?.text).toMatch(/4 of 8 calls failed/)
  expect(first?.to).toMatchObject({ text: 'ops@example.com' })
  await good(120, 100)
  await until(() => smtp.mails.length > 1, 'a recovery', 20_000)
  const [, second] = smtp.mails
  expect(second?.subject).toBe(`Over: ${first?.subject}`)
  expect(second?.inReplyTo).toBe(first?.messageId)
  expect(second?.references).toBe(first?.messageId)
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  expect(smtp.mails.map(({ subject }) => subject)).toHaveLength(2)
})
