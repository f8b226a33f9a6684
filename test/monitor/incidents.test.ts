import { expect, test } from 'vitest'
import { until } from '../until.ts'
import { startAgent, startWorld } from './world.ts'

test('two monitors: a rising error rate sends one mail, and its recovery one more, in the same conversation', async () => {
  const { redis, smtp, monitors } = await startWorld()
  const { call, fail } = await startAgent(redis)
  monitors.start('one')
  monitors.start('two')
  await call(4)
  await fail(4)
  await until(() => smtp.mails.length > 0, 'a mail')
  const [first] = smtp.mails
  expect(first?.subject).toMatch(/^\[critical\] Error rate \(error-rate-\w+\)$/)
  // Counts are written twice a second: it is told by those that were there.
  expect(first?.text).toMatch(/[1-4] of [5-8] calls failed/)
  expect(first?.to).toMatchObject({ text: 'ops@example.com' })
  await call(120)
  await until(() => smtp.mails.length > 1, 'a recovery')
  const [, second] = smtp.mails
  expect(second?.subject).toBe(`Over: ${first?.subject}`)
  expect(second?.inReplyTo).toBe(first?.messageId)
  expect(second?.references).toBe(first?.messageId)
  // A second failure is a new incident: everything before it was sent by then.
  await fail(40)
  await until(() => smtp.mails.length > 2, 'a mail of the next incident')
  expect(smtp.mails.map(({ subject }) => subject?.split(' (')[0])).toEqual([
    '[critical] Error rate',
    'Over: [critical] Error rate',
    '[critical] Error rate',
  ])
  expect(new Set(smtp.mails.map(({ messageId }) => messageId)).size).toBe(3)
})
