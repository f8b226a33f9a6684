import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { llmGateway } from '../command.ts'
import { until } from '../until.ts'
import { QUICK } from './kit.ts'
import { closing, forgetMetrics, startWorld, writeMinute } from './world.ts'

const FAILING = ['prod_customer/support', 'calls=20 errors=10'] as const
const incidentIn = (subject = '') => /\(([a-z0-9-]+)\)$/.exec(subject)?.[1] ?? ''

async function startHook() {
  const bodies: string[] = []
  let status = 500
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      bodies.push(body)
      response.writeHead(status).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing(async () => void server.close())
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/hook/secret`,
    bodies,
    answer(next: number) {
      status = next
    },
  }
}

describe('llm-gateway silence', () => {
  test('adds, lists and removes a silence; alerts that match are not sent until then', async () => {
    const { redis, smtp, monitors } = await startWorld()
    const silence = (...args: string[]) => llmGateway(['silence', ...args, '--redis', redis.url], {})
    const added = await silence(
      'add',
      '--match',
      'alert=error-*',
      '--for',
      '2h',
      '-m',
      'a test',
      '--by',
      'anna',
      '--json',
    )
    expect(added.code, added.err).toBe(0)
    const { id } = JSON.parse(added.out) as { id: string }
    const monitor = monitors.start('one')
    await writeMinute(redis, ...FAILING)
    await until(() => monitor.log().includes('watches'), 'a start')
    for (;;) {
      const { out } = await silence('list')
      expect(out).toMatch(
        new RegExp(`^${id}  \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d UTC  alert=error-\\*  anna +a test$`, 'm'),
      )
      if (/^error-rate-\w+ {2}\S+ \S+ UTC {2}not acknowledged$/m.test(out)) break
    }
    const beside = await silence('add', '--match', 'alert=latency', '--for', '1h')
    expect(beside.err).toMatch(/ UTC\.\nIt matches 0 of 1 open incident\.\n$/)
    const same = await silence('add', '--match', 'alert=error-rate', '--for', '1h')
    expect(same.err).toMatch(/It matches 1 of 1 open incident: error-rate-\w+\.\n$/)
    expect((await silence('remove', /^Silence (\w+)/.exec(same.err)?.[1] ?? '')).code).toBe(0)
    expect(smtp.mails).toEqual([])
    expect((await silence('remove', id)).code).toBe(0)
    await until(() => smtp.mails.length > 0, 'the mail')
    expect((await silence('remove', id)).code).toBe(1)
  })

  test('an incident that no operator acknowledges is escalated; one that is acknowledged is not', async () => {
    const { redis, smtp, monitors } = await startWorld({
      ...QUICK,
      notify: { ...QUICK.notify, escalateSeconds: 3 },
    })
    const { child } = monitors.start('one')
    await writeMinute(redis, ...FAILING)
    await until(() => smtp.mails.length > 1, 'an escalation')
    expect(smtp.mails[1]?.subject).toMatch(/^Not acknowledged: \[critical\] Error rate/)
    expect(smtp.mails[1]?.cc).toMatchObject({ text: 'cto@example.com' })
    await forgetMetrics(redis)
    await until(() => smtp.mails.length > 2, 'a recovery')

    await writeMinute(redis, ...FAILING)
    await until(() => smtp.mails.length > 3, 'the next incident')
    // Acknowledged before it is due, however long that command takes to start.
    child.kill('SIGSTOP')
    const id = incidentIn(smtp.mails[3]?.subject)
    const { code, err } = await llmGateway(['silence', 'ack', id, '--redis', redis.url], {})
    expect([code, err]).toEqual([0, `Acknowledged: no reminder and no escalation of ${id}.\n`])
    child.kill('SIGCONT')
    await new Promise((resolve) => setTimeout(resolve, 4_000))
    await forgetMetrics(redis)
    await until(() => smtp.mails.length > 4, 'its recovery')
    expect(smtp.mails[4]?.subject).toMatch(/^Over: /)
    expect((await llmGateway(['silence', 'ack', id, '--redis', redis.url], {})).code).toBe(1)
  })

  test.each([
    [['add', '--for', '2h'], 'which alerts?'],
    [['add', '--match', 'x', '--for', '2h'], 'name=value'],
    [['add', '--match', 'alert=down', '--for', '2 hours'], '--for must be'],
    [['add', '--match', 'alert=down', '--for', '36d'], '--for must be'],
    [['add', '--match', 'alert=dwn', '--for', '2h'], 'there is no such alert. Did you mean: alert=down'],
    [
      ['add', '--match', 'alert=error-rats*', '--for', '2h'],
      'there is no such alert. Did you mean: alert=error-rate',
    ],
    [['add', '--match', 'alrt=down', '--for', '2h'], 'no label of this name. Did you mean: alert'],
    [['add', '--match', 'region=ord', '--for', '2h'], 'They are: alert, team, target,'],
    [
      ['add', '--match', 'alert=down', '--match', 'team=prod_ceo', '--for', '2h'],
      'alert down has no team (it has target), so nothing would match.',
    ],
    [['remove'], 'which one?'],
    [['ack'], 'which incident?'],
    [['lst'], 'Did you mean: llm-gateway silence list'],
  ])('%j is a usage error', async (args, message) => {
    const { code, err } = await llmGateway(['silence', ...args, '--redis', 'redis://127.0.0.1:1'], {})
    expect(code).toBe(2)
    expect(err).toContain(message)
  })
})

describe('llm-gateway monitor', () => {
  test('--once evaluates once, tells with --json what fires, and ends with 1 while something does', async () => {
    const { redis, smtp, monitors } = await startWorld()
    const once = async () => {
      const monitor = monitors.start('cron', ['--once', '--json'])
      await until(() => monitor.child.exitCode !== null, 'its end')
      await monitor.end()
      const line =
        monitor
          .log()
          .split('\n')
          .find((text) => text.startsWith('{')) ?? '{}'
      return { code: monitor.child.exitCode, ...(JSON.parse(line) as { alerts: { alert: string }[] }) }
    }
    expect(await once()).toMatchObject({ code: 0, role: 'leader', alerts: [] })
    await writeMinute(redis, ...FAILING)
    expect(await once()).toMatchObject({ code: 1, alerts: [{ alert: 'error-rate' }] })
    expect(smtp.mails.map(({ subject }) => subject?.split(' (')[0])).toEqual(['[critical] Error rate'])
    await forgetMetrics(redis)
    expect(await once()).toMatchObject({ code: 0, alerts: [] })
    expect(smtp.mails).toHaveLength(2)
  })

  test('--once without Redis says why, and ends with 1: cron must not take it for quiet', async () => {
    const { code, out, err } = await llmGateway(['monitor', '--once', '--redis', 'redis://127.0.0.1:1'], {})
    expect([code, out]).toEqual([
      1,
      expect.stringMatching(/^Redis cannot be used \(connect ECONNREFUSED 127.0.0.1:1\)/),
    ])
    expect(err).toContain('Redis cannot be used: connect ECONNREFUSED')
    const wrong = await llmGateway(
      ['monitor', '--once', '--redis', 'redis://default:se/cret@127.0.0.1:6379'],
      {},
    )
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining('with / in a password as %2F')])
    expect(wrong.err).not.toContain('cret')
    const listed = await llmGateway(['silence', 'list', '--redis', 'redis://127.0.0.1:1'], {})
    expect([listed.code, listed.err]).toEqual([
      1,
      'llm-gateway: Redis cannot be used: connect ECONNREFUSED 127.0.0.1:1\n',
    ])
  })

  test('serves /metrics and /healthz, and calls the heartbeat', async () => {
    const hook = await startHook()
    const { redis, monitors } = await startWorld({ ...QUICK, heartbeatVariable: 'HEARTBEAT_URL' })
    const monitor = monitors.start('one', ['--port', '0'], { HEARTBEAT_URL: hook.url })
    await writeMinute(redis, 'prod "x"/support', 'calls=20 errors=10 cost=2000000000')
    await until(() => /port (\d+)/.test(monitor.log()), 'a port')
    const base = `http://127.0.0.1:${/port (\d+)/.exec(monitor.log())?.[1]}`
    let text = ''
    while (!text.includes('alert_firing{')) text = await (await fetch(`${base}/metrics`)).text()
    for (const line of text.trim().split('\n'))
      expect(line).toMatch(
        /^(# (HELP|TYPE) llm_gateway_\w+ .+|llm_gateway_\w+(\{\w+="(\\.|[^"\\])*"(,\w+="(\\.|[^"\\])*")*\})? -?[\d.e+-]+)$/,
      )
    expect(text).toContain('llm_gateway_alert_firing{alert="error-rate",severity="critical"} 1')
    expect(text).toContain('llm_gateway_window_errors 10')
    expect((await fetch(`${base}/healthz`)).status).toBe(200)
    expect((await fetch(`${base}/other`)).status).toBe(404)
    expect((await fetch(`${base}/metrics`, { method: 'POST' })).status).toBe(405)
    await until(() => hook.bodies.length > 1, 'heartbeats')
  })

  test('tells a webhook in the form of Slack, again until it takes the message, and prints its address nowhere', async () => {
    const hook = await startHook()
    const config = { ...QUICK, webhooks: [{ name: 'slack', urlVariable: 'HOOK_URL' }] }
    const { redis, smtp, monitors } = await startWorld(config)
    const monitor = monitors.start('one', [], { HOOK_URL: hook.url })
    await writeMinute(redis, ...FAILING)
    await until(() => hook.bodies.length > 1, 'a second attempt')
    hook.answer(200)
    await until(() => smtp.mails.length > 0, 'the mail')
    expect(JSON.parse(hook.bodies[0] ?? '')).toEqual({
      text: expect.stringMatching(
        /^\*\[critical\] Error rate \(error-rate-\w+\)\*\nError rate\n\n10 of 20 calls failed/,
      ),
    })
    expect(monitor.log()).toContain('status 500')
    expect(monitor.log()).not.toContain('secret')
    expect(JSON.stringify(await redis.admin.hgetall('gw:{monitor}:outbox'))).not.toContain('secret')
  })

  test('names the variable that its configuration needs, and each invalid field', async () => {
    const { monitors } = await startWorld({
      ...QUICK,
      webhooks: [{ name: 'slack', urlVariable: 'HOOK_URL' }],
    })
    const missing = monitors.start('one')
    await missing.end('SIGCONT')
    expect(missing.log()).toContain('HOOK_URL is not set')
    expect(missing.child.exitCode).toBe(2)
    monitors.configure({ intervalSeconds: 'often' })
    const invalid = monitors.start('one')
    await invalid.end('SIGCONT')
    expect(invalid.log()).toContain('intervalSeconds')
    expect(invalid.child.exitCode).toBe(2)
  })

  test('refuses a policy file with a mistake at the start', async () => {
    const { monitors } = await startWorld()
    const monitor = monitors.start('one', [], { LLM_GATEWAY_POLICY: '/nowhere/policy.json' })
    await monitor.end('SIGCONT')
    expect(monitor.child.exitCode).toBe(2)
    expect(monitor.log()).toContain('/nowhere/policy.json')
  })

  test('sends neither password nor mail to a server on another machine that has no TLS', async () => {
    const { redis, smtp, monitors } = await startWorld()
    // Also this machine, but not by a name that says so.
    const elsewhere = smtp.url.replace('127.0.0.1', '127.0.0.2')
    const monitor = monitors.start('one', [], { LLM_GATEWAY_SMTP_URL: elsewhere })
    await writeMinute(redis, ...FAILING)
    await until(() => monitor.log().includes('not delivered yet'), 'a failed attempt')
    expect(monitor.log()).toMatch(/STARTTLS|ETLS/)
    expect(smtp.mails).toEqual([])
  })

  test('a port that is in use or not valid ends it with a message', async () => {
    const { monitors } = await startWorld()
    const site = createServer()
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
    closing(async () => void site.close())
    const { port } = site.address() as AddressInfo
    for (const [given, code, message] of [
      [String(port), 1, 'EADDRINUSE'],
      ['70000', 2, '--port must be a number from 0 to 65535'],
    ] as const) {
      const monitor = monitors.start('one', ['--port', given])
      await monitor.end('SIGCONT')
      expect([monitor.child.exitCode, monitor.log()]).toEqual([code, expect.stringContaining(message)])
    }
  })

  test('without mail and webhook it says that nothing is sent', async () => {
    const { redis } = await startWorld()
    const { err } = await llmGateway(['monitor', '--once', '--redis', redis.url], {})
    expect(err).toBe('Nothing is sent: the configuration (--config) has no mail and no webhook.\n')
  })

  test('ends by SIGTERM, and is missed by no other monitor then', async () => {
    const { redis, monitors } = await startWorld()
    const monitor = monitors.start('one')
    while ((await redis.admin.hexists('gw:{monitor}:alive', 'one')) === 0)
      await new Promise((resolve) => setTimeout(resolve, 20))
    await monitor.end('SIGTERM')
    expect(monitor.child.exitCode).toBe(0)
    expect(await redis.admin.hgetall('gw:{monitor}:alive')).toEqual({})
    expect(await redis.admin.get('gw:{monitor}:leader')).toBeNull()
  })

  test('all its keys have a TTL', async () => {
    const { redis, smtp, monitors } = await startWorld()
    await llmGateway(['silence', 'add', '--match', 'alert=down', '--for', '1h', '--redis', redis.url], {})
    monitors.start('one')
    await writeMinute(redis, ...FAILING)
    await until(() => smtp.mails.length > 0, 'the mail')
    await llmGateway(['silence', 'ack', incidentIn(smtp.mails[0]?.subject), '--redis', redis.url], {})
    const keys = await redis.admin.keys('gw:{monitor}:*')
    expect(keys.length).toBeGreaterThan(4)
    for (const key of keys) expect(await redis.admin.pttl(key), key).toBeGreaterThan(0)
  })
})
