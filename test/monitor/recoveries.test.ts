import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { until } from '../until.ts'
import { QUICK } from './kit.ts'
import type { TestSmtp } from './smtp.ts'
import { closing, forgetMetrics, startWorld } from './world.ts'

/** Waits for the mail and for the recovery of one alert; both in one conversation, each sent once. */
async function mailOf(smtp: TestSmtp, name: string, kind: 'firing' | 'resolved') {
  const ofKind = () =>
    smtp.mails.filter(({ messageId = '' }) => new RegExp(`^<${name}-[a-z0-9]+\\.${kind}@`).test(messageId))
  await until(() => ofKind().length > 0, `the mail ${name} ${kind}`)
  expect(ofKind()).toHaveLength(1)
  const [mail] = ofKind()
  if (mail === undefined) throw new Error('unreachable')
  return mail
}

test('a certificate that is renewed ends its alert: one mail, and one recovery in the same conversation', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gateway-renewed-'))
  closing(async () => rmSync(folder, { recursive: true, force: true }))
  const made = (name: string, days: number) => {
    const [key, certificate] = [join(folder, `${name}.key`), join(folder, `${name}.pem`)]
    const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']
    const args = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', certificate]
    execFileSync('openssl', [...args, '-days', String(days), ...subject], { stdio: 'ignore' })
    return { key: readFileSync(key), cert: readFileSync(certificate) }
  }
  const [old, renewed] = [made('old', 6), made('renewed', 90)]
  const authorities = join(folder, 'all.pem')
  writeFileSync(authorities, Buffer.concat([old.cert, renewed.cert]))
  const site = createServer(old, (_, response) => void response.end('ok'))
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
  closing(async () => void site.close())
  const url = `https://127.0.0.1:${(site.address() as AddressInfo).port}/`
  const { smtp, monitors } = await startWorld({ ...QUICK, probes: [{ name: 'gateway', url }] })
  monitors.start('one', [], { NODE_EXTRA_CA_CERTS: authorities })
  const firing = await mailOf(smtp, 'certificate-ending', 'firing')
  expect(firing.text).toContain('ends in 5 days')
  site.setSecureContext(renewed)
  const resolved = await mailOf(smtp, 'certificate-ending', 'resolved')
  expect(resolved.inReplyTo).toBe(firing.messageId)
  expect(resolved.text).toMatch(/ends in 8\d days/)
})

test('a secret that is rotated ends its alert once the monitor has its date', async () => {
  const due = {
    ...QUICK,
    lastRotated: { MASTER_KEY: '2026-01-31', OTHER_KEY: new Date().toISOString().slice(0, 10) },
  }
  const { smtp, monitors } = await startWorld(due)
  const before = monitors.start('one')
  const firing = await mailOf(smtp, 'rotation-due', 'firing')
  expect(firing.text).toContain('MASTER_KEY')
  expect(firing.text).not.toContain('OTHER_KEY')
  await before.end('SIGTERM')
  monitors.configure({ ...due, lastRotated: { ...due.lastRotated, MASTER_KEY: due.lastRotated.OTHER_KEY } })
  monitors.start('one')
  const resolved = await mailOf(smtp, 'rotation-due', 'resolved')
  expect(resolved.inReplyTo).toBe(firing.messageId)
})

test('a pace that would spend the budget is told, and its end as well', async () => {
  // Midnight is far, and the budget of prod_ceo is 25 dollars a day.
  const { redis, smtp, monitors } = await startWorld({ ...QUICK, timezone: zoneAtNoon() })
  const [seconds] = await redis.admin.time()
  const minute = Math.floor(Number(seconds) / 60)
  const row = (usd: number) => `calls=10 cost=${usd * 1e9}`
  // 12 dollars earlier in the hour, and 6 in the last quarter of it: at 18 an hour, the last 7 are spent within the half hour.
  const spent = new Map<number, number>()
  for (const [at, usd] of [
    [minute - 40, 12],
    [minute - 3, 6],
  ] as const) {
    await redis.admin.hset(`gw:{metrics}:minute:${at}`, 'prod_ceo/ceo-insights', row(usd))
    spent.set(Math.floor(at / 60), (spent.get(Math.floor(at / 60)) ?? 0) + usd)
  }
  for (const [hour, usd] of spent)
    await redis.admin.hset(`gw:{metrics}:hour:${hour}`, 'prod_ceo/ceo-insights', row(usd))
  monitors.start('one')
  const firing = await mailOf(smtp, 'burn-rate', 'firing')
  expect(firing.text).toMatch(
    /Team prod_ceo: at this pace \(\$[\d.]+ an hour\) the \$25(\.00)? of today are spent at/,
  )
  await forgetMetrics(redis)
  const resolved = await mailOf(smtp, 'burn-rate', 'resolved')
  expect(resolved.inReplyTo).toBe(firing.messageId)
})

/** A time zone in which it is about noon now. */
function zoneAtNoon(): string {
  const offset = 12 - new Date().getUTCHours()
  return offset === 0 ? 'UTC' : `Etc/GMT${offset > 0 ? '-' : '+'}${Math.abs(offset)}`
}

test('a clock that is set right ends its alert', async () => {
  const { smtp, monitors } = await startWorld()
  const folder = mkdtempSync(join(tmpdir(), 'gateway-clock-'))
  closing(async () => rmSync(folder, { recursive: true, force: true }))
  const shift = join(folder, 'shift.mjs')
  writeFileSync(shift, 'const now = Date.now; Date.now = () => now() + 600_000\n')
  const wrong = monitors.start('one', [], { NODE_OPTIONS: `--import=${shift}` })
  const firing = await mailOf(smtp, 'clock-skew', 'firing')
  expect(firing.text).toContain('10 min ahead of that of Redis')
  await wrong.end('SIGTERM')
  monitors.start('one')
  const resolved = await mailOf(smtp, 'clock-skew', 'resolved')
  expect(resolved.inReplyTo).toBe(firing.messageId)
})
