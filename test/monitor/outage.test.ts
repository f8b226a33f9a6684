import { expect, test } from 'vitest'
import { until } from '../until.ts'
import { forgetMetrics, startWorld, writeMinute } from './world.ts'

const kinds = (mails: { messageId?: string | undefined }[]) =>
  mails.map(({ messageId = '' }) => messageId.replace(/^<([a-z-]+)-[a-z0-9]+\.([a-z]+)@.*$/, '$1 $2'))

test('Redis goes, empty and for good, and comes back: one mail each, with one monitor', async () => {
  const { redis, smtp, monitors } = await startWorld()
  const monitor = monitors.start('one')
  await until(() => monitor.log().includes('watches'), 'a start')
  await redis.kill()
  await until(() => smtp.mails.length > 0, 'a mail')
  expect(smtp.mails[0]?.subject).toMatch(/^\[critical\] Redis unavailable/)
  await redis.restart()
  await until(() => smtp.mails.length > 1, 'a recovery')
  expect(kinds(smtp.mails)).toEqual(['redis-down firing', 'redis-down resolved'])
  expect(smtp.mails[1]?.inReplyTo).toBe(smtp.mails[0]?.messageId)
})

test('Redis hangs under two monitors: both send the one mail with one Message-ID, and the recovery is sent once', async () => {
  const { redis, smtp, monitors } = await startWorld()
  const both = ['one', 'two'].map((name) => monitors.start(name))
  for (const monitor of both) await until(() => monitor.log().includes('watches'), 'a start')
  // Both must know the name of the outage, which the first write chooses.
  await writeMinute(redis, 'prod_customer/support', 'calls=20 errors=10')
  await until(() => smtp.mails.length === 1, 'a mail')
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  redis.pause()
  await until(() => smtp.mails.length >= 3, 'the mail of the outage, from both')
  redis.resume()
  await until(() => kinds(smtp.mails).includes('redis-down resolved'), 'a recovery')
  await forgetMetrics(redis)
  await until(() => kinds(smtp.mails).includes('error-rate resolved'), 'the recovery of the earlier incident')
  const outage = smtp.mails.filter(({ subject = '' }) => subject.includes('Redis unavailable'))
  expect(kinds(outage)).toEqual(['redis-down firing', 'redis-down firing', 'redis-down resolved'])
  expect(new Set(outage.map(({ messageId }) => messageId)).size).toBe(2)
  expect(kinds(smtp.mails).filter((kind) => kind.startsWith('error-rate'))).toEqual([
    'error-rate firing',
    'error-rate resolved',
  ])
})

test('mails that could not be sent while Redis was away are sent after it is back', async () => {
  const { redis, smtp, monitors } = await startWorld()
  const monitor = monitors.start('one')
  await until(() => monitor.log().includes('watches'), 'a start')
  smtp.become('greylist')
  redis.pause()
  await until(() => smtp.refusals() > 0, 'a refused mail')
  redis.resume()
  await until(() => monitor.log().includes('moved to it'), 'the move to Redis')
  smtp.become('accept')
  await until(() => smtp.mails.length >= 2, 'the mail and its recovery')
  expect(kinds(smtp.mails).toSorted()).toEqual(['redis-down firing', 'redis-down resolved'])
})

test('Redis is emptied in the middle of an incident: it is told once, and its recovery once', async () => {
  const { redis, smtp, monitors } = await startWorld()
  for (const name of ['one', 'two']) monitors.start(name)
  await writeMinute(redis, 'prod_customer/support', 'calls=20 errors=10')
  await until(() => smtp.mails.length === 1, 'a mail')
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  await redis.admin.flushall()
  await until(() => smtp.mails.length === 2, 'a recovery')
  expect(kinds(smtp.mails)).toEqual(['error-rate firing', 'error-rate resolved'])
  expect(smtp.mails[1]?.inReplyTo).toBe(smtp.mails[0]?.messageId)
})
