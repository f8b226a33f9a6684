import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  claim,
  enqueue,
  markDelivered,
  noteDelivered,
  type OutboxMessage,
  postpone,
  queueLength,
} from '../../packages/ops/src/alerting/outbox.ts'
import { openRedis, type RedisClient } from '../../packages/ops/src/alerting/redis.ts'
import { commit, lead, readState } from '../../packages/ops/src/alerting/state-store.ts'
import { type RedisServer, startRedis } from '../redis/server.ts'
import { until } from '../until.ts'
import { QUICK } from './kit.ts'
import { startWorld, writeMinute } from './world.ts'

let server: RedisServer
let client: RedisClient
beforeEach(async () => {
  server = await startRedis()
  client = await openRedis(server.url)
})
afterEach(async () => {
  client.disconnect()
  await server.close()
})

const NOW = Date.parse('2026-11-23T12:00:00Z')
const message = (id: string): OutboxMessage => ({
  id,
  channel: 'mail',
  escalates: false,
  messageId: `<${id}@example.com>`,
  subject: id,
  text: '',
  html: '',
  createdAt: NOW,
  attempts: 0,
})

describe('the state of all alerts', () => {
  test('is written by the leader alone, and together with its messages', async () => {
    const before = await readState(client)
    expect(await lead(client, 'one', 60_000)).toBe(true)
    expect(await lead(client, 'two', 60_000)).toBe(false)
    expect(await commit(client, 'two', before, [message('a')], NOW)).toBe(false)
    expect(await queueLength(client)).toBe(0)
    expect(await commit(client, 'one', before, [message('a')], NOW)).toBe(true)
    expect([await queueLength(client), (await readState(client)).revision]).toEqual([1, 1])
  })

  test('is not overwritten by its leader from an older state: two evaluations queue their messages once', async () => {
    await lead(client, 'one', 60_000)
    const before = await readState(client)
    expect(await commit(client, 'one', before, [message('a')], NOW)).toBe(true)
    expect(await commit(client, 'one', before, [message('b')], NOW)).toBe(false)
    expect(await queueLength(client)).toBe(1)
  })

  test('counts as empty where another program wrote it, and can be written then', async () => {
    await client.hset('gw:{monitor}:state', { revision: '7', json: '{"pending":{"x":1}}' })
    const found = await readState(client)
    expect(found).toMatchObject({ revision: 7, state: { pending: {}, incidents: {} } })
    await lead(client, 'one', 60_000)
    expect(await commit(client, 'one', found, [], NOW)).toBe(true)
  })
})

describe('the outbox', () => {
  test('takes each id once, also after its delivery, and not one that was delivered without Redis', async () => {
    expect(await enqueue(client, [message('a'), message('a')], NOW)).toBe(1)
    const claimed = await claim(client, NOW, 1_000)
    expect(claimed && (await markDelivered(client, claimed))).toBe(true)
    await noteDelivered(client, ['b'], NOW)
    expect(await enqueue(client, [message('a'), message('b'), message('c')], NOW)).toBe(1)
  })

  test('gives a message to one monitor at a time, and to another once the claim is over', async () => {
    await enqueue(client, [message('a')], NOW)
    const first = await claim(client, NOW, 1_000)
    expect(await claim(client, NOW + 999, 1_000)).toBeUndefined()
    const second = await claim(client, NOW + 1_000, 1_000)
    expect(second?.message.id).toBe('a')
    expect(first && (await markDelivered(client, first))).toBe(false)
    expect(await queueLength(client)).toBe(1)
    expect(second && (await markDelivered(client, second))).toBe(true)
    expect(await queueLength(client)).toBe(0)
  })

  test('gives a postponed message when it is due, with the number of its attempts', async () => {
    await enqueue(client, [message('a')], NOW)
    const first = await claim(client, NOW, 1_000)
    if (first !== undefined) await postpone(client, first, NOW + 5_000)
    expect(await claim(client, NOW + 4_999, 1_000)).toBeUndefined()
    expect((await claim(client, NOW + 5_000, 1_000))?.message.attempts).toBe(1)
  })

  test('drops what no monitor wrote, and goes on', async () => {
    await client.hset('gw:{monitor}:outbox', 'x', 'garbage')
    await client.zadd('gw:{monitor}:outbox:due', NOW - 2, 'x', NOW - 1, 'gone')
    await enqueue(client, [message('a')], NOW)
    expect((await claim(client, NOW, 1_000))?.message.id).toBe('a')
    expect(await queueLength(client)).toBe(1)
  })
})

test('a leader that stands still while another takes over sends nothing twice when it goes on', async () => {
  const thresholds = { ...QUICK.thresholds, silentMonitorSeconds: 3 }
  const { redis, smtp, monitors } = await startWorld({ ...QUICK, thresholds })
  const first = monitors.start('one')
  while ((await redis.admin.get('gw:{monitor}:leader')) === null)
    await new Promise((resolve) => setTimeout(resolve, 20))
  monitors.start('two')
  first.child.kill('SIGSTOP')
  await writeMinute(redis, 'prod_customer/support', 'calls=20 errors=10')
  await until(
    () => smtp.mails.some(({ subject }) => subject?.includes('Error rate')),
    'a mail from the other',
  )
  await until(
    () => smtp.mails.some(({ subject }) => subject?.includes('Monitor silent')),
    'one about the first',
  )
  first.child.kill('SIGCONT')
  await until(() => smtp.mails.some(({ subject }) => subject?.startsWith('Over: ')), 'its recovery')
  expect(smtp.mails.filter(({ subject }) => subject?.includes('Error rate'))).toHaveLength(1)
})
