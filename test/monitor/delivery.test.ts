import { describe, expect, test } from 'vitest'
import { until } from '../until.ts'
import { QUICK } from './kit.ts'
import { forgetMetrics, startWorld, writeMinute } from './world.ts'

type Mails = { messageId?: string | undefined }[]

/** Message-IDs of the mails about the error rate, of a kind. A killed monitor has an alert of its own. */
const idsOf = (mails: Mails, kind: string) =>
  mails
    .map(({ messageId = '' }) => messageId)
    .filter((id) => id.startsWith('<error-rate') && id.includes(`.${kind}@`))

describe('with two monitors, of which one is killed', () => {
  test('each mail and each recovery arrives once, whenever a monitor dies', async () => {
    // What a monitor took and did not send waits for twice this time.
    const { redis, smtp, monitors } = await startWorld({
      ...QUICK,
      mail: { ...QUICK.mail, timeoutSeconds: 20 },
    })
    const names = ['one', 'two']
    const running = names.map((name) => monitors.start(name))
    const rounds = 5
    let firing = 0
    for (let round = 0; round < rounds; round += 1) {
      const which = round % 2
      await writeMinute(redis, 'prod_customer/support', 'calls=20 errors=10')
      // The moments between the failure and its mail, one after the other.
      await new Promise((resolve) => setTimeout(resolve, round * 90))
      await running[which]?.end('SIGKILL')
      await until(() => idsOf(smtp.mails, 'firing').length > firing, `mail of round ${round}`)
      firing += 1
      running[which] = monitors.start(names[which] ?? '')
      await forgetMetrics(redis)
      await until(() => idsOf(smtp.mails, 'resolved').length >= firing, `recovery of round ${round}`)
    }
    const ids = smtp.mails.map(({ messageId }) => messageId)
    expect(new Set(ids).size, monitors.logs()).toBe(ids.length)
    expect([idsOf(smtp.mails, 'firing').length, idsOf(smtp.mails, 'resolved').length]).toEqual([
      rounds,
      rounds,
    ])
  })

  test('a monitor that dies after the server accepted a mail, and before it noted that, leads to the same Message-ID', async () => {
    const { redis, smtp, monitors } = await startWorld(
      { ...QUICK, mail: { ...QUICK.mail, timeoutSeconds: 1 } },
      60_000,
    )
    const first = monitors.start('one')
    await until(() => first.log().includes('watches'), 'a start')
    smtp.become('slow')
    smtp.onAccepted(() => {
      smtp.become('accept')
      first.child.kill('SIGKILL')
    })
    await writeMinute(redis, 'prod_customer/support', 'calls=20 errors=10')
    await until(() => smtp.mails.length === 1, 'a mail')
    smtp.onAccepted(() => undefined)
    monitors.start('two')
    await until(() => smtp.mails.length === 2, 'the same mail again')
    expect(smtp.mails[1]?.messageId).toBe(smtp.mails[0]?.messageId)
  })
})

describe('at an SMTP server', () => {
  test.each(['hang', 'greylist'] as const)(
    'that %ss, the mail waits in Redis, survives the monitor, and arrives once',
    async (mood) => {
      const config = { ...QUICK, mail: { ...QUICK.mail, timeoutSeconds: 0.5 } }
      const { redis, smtp, monitors } = await startWorld(config)
      smtp.become(mood)
      const first = monitors.start('one')
      await writeMinute(redis, 'prod_customer/support', 'calls=20 errors=10')
      await until(() => first.log().includes('not delivered yet'), 'a failed attempt')
      await first.end('SIGKILL')
      expect(smtp.mails).toEqual([])
      smtp.become('accept')
      monitors.start('two')
      await until(() => idsOf(smtp.mails, 'firing').length > 0, 'the mail')
      await forgetMetrics(redis)
      await until(() => idsOf(smtp.mails, 'resolved').length > 0, 'the recovery')
      expect([idsOf(smtp.mails, 'firing').length, idsOf(smtp.mails, 'resolved').length]).toEqual([1, 1])
    },
  )

  test('that refuses the recipient for good, the mail is given up and listed with the reason', async () => {
    const { redis, smtp, monitors } = await startWorld()
    smtp.become('refuse')
    const monitor = monitors.start('one')
    await writeMinute(redis, 'prod_customer/support', 'calls=20 errors=10')
    await until(() => monitor.log().includes('cannot be delivered'), 'a refusal')
    const [entry = ''] = await redis.admin.lrange('gw:{monitor}:outbox:failed', 0, -1)
    expect(JSON.parse(entry)).toMatchObject({ channel: 'mail', reason: expect.stringContaining('550') })
    expect(monitor.log()).not.toContain('p@ss')
    expect(smtp.refusals()).toBe(1)
  })
})
