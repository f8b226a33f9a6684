import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hotdashPolicy } from '@hotdash/llm-gateway'
import { expect, test } from 'vitest'
import { closeLater } from '../closing.ts'
import { gateway, typed } from './command-kit.ts'
import { agentAt, policyWith, redis, soon, storeAt } from './kit.ts'

/** Elsewhere the program of that name takes other words. */
const atATerminal = test.skipIf(process.platform !== 'linux')

function file(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'gateway-policy-'))
  closeLater(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'policy.json'), text)
  return join(folder, 'policy.json')
}

test('help teaches, with examples that begin with the command', async () => {
  for (const command of ['policy', 'switch']) {
    const { code, out, err } = await gateway(`${command} --help`)
    expect([code, err]).toEqual([0, ''])
    expect(out).toContain('Examples:\n  llm-gateway')
    expect(out).toContain('--dry-run')
    for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(120)
  }
})

test('show, edit, diff, push, follow: a policy goes round', async () => {
  const server = await redis()
  const agent = await agentAt(server)
  await agent.client.gateway.ready()
  const shown = await gateway('policy show', server)
  expect(JSON.parse(shown.out)).toEqual(hotdashPolicy)
  expect(shown.err).toContain('Redis holds no live policy')
  const path = file(shown.out.replace('"rpm": 100', '"rpm": 120'))
  expect(await gateway(`policy diff ${path}`, server)).toEqual({
    code: 0,
    out: '~ teams.prod_customer.rpm: 100 -> 120\n',
    err: '',
  })
  const pushed = await gateway(`policy push ${path} --yes --by anna -m "for Black Friday"`, server)
  expect(pushed).toMatchObject({ code: 0, out: '' })
  expect(pushed.err).toMatch(
    /^No policy was live before. Compared with HotDash's own:\n~ teams.prod_customer.rpm: 100 -> 120\nVersion \d{14} is in force. Notified one process.\n$/,
  )
  await soon(() => agent.rpm() === 120)
  const again = await gateway(`policy push ${path} --yes`, server)
  expect(again).toEqual({ code: 0, out: '', err: 'Nothing would change.\n' })
  const history = await gateway('policy history', server)
  expect(history.out).toMatch(
    /^\* \d{14} {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC {2}anna {2}push {2}"for Black Friday"\n$/,
  )
})

test('a policy from a pipe; each of its problems is named, and nothing is written', async () => {
  const server = await redis()
  const bad = JSON.stringify({ teams: { prod_ceo: { rpm: 'many', tpn: 1 } }, modus: 'direct' })
  const { code, out, err } = await gateway('policy push - --yes', server, bad)
  expect([code, out]).toEqual([1, ''])
  expect(err).toBe(
    'Refused:\n  teams.prod_ceo.rpm: must be a number\n  teams.prod_ceo.tpn: unknown field\n  modus: unknown field\n',
  )
  expect((await gateway('policy push - --yes', server, '{')).err).toMatch(
    /^Refused:\n {2}standard input is not JSON/,
  )
  expect((await gateway('policy push - --yes', server, '{"teams":{"__proto__":{}}}')).code).toBe(1)
  expect(await server.admin.keys('*')).toEqual([])
  expect((await gateway('policy push - --yes', server, JSON.stringify(policyWith(9)))).code).toBe(0)
  expect((await storeAt(server).read()).change?.policy).toEqual(policyWith(9))
})

test('a rollback undoes the last change, whatever it was; or keeps the switches', async () => {
  const server = await redis()
  const store = storeAt(server)
  await store.push(policyWith(1))
  await store.switch(() => ({ cache: 'off' }))
  await gateway('policy rollback --yes', server)
  expect((await store.read()).change).toMatchObject({ policy: policyWith(1), switches: {} })
  const { version } = (await store.history()).at(-1) ?? { version: 0 }
  await store.push(policyWith(3))
  await store.switch(() => ({ mode: 'direct' }))
  await gateway(`policy rollback ${version} --keep-switches --yes`, server)
  expect((await store.read()).change).toMatchObject({ policy: policyWith(1), switches: { mode: 'direct' } })
  expect(await gateway('policy rollback 17 --yes', server)).toMatchObject({
    code: 1,
    err: 'Refused:\n  there is no version 17. See: llm-gateway policy history\n',
  })
  await gateway('policy clear --yes', server)
  expect((await store.read()).change).not.toHaveProperty('policy')
})

atATerminal(
  'a change by another user between the prompt and its confirmation is reported as a conflict',
  async () => {
    const server = await redis()
    const store = storeAt(server)
    await store.push(policyWith(60))
    const overtake = () => store.push(policyWith(30), { by: 'anna', comment: 'too many' })
    const { code, out } = await typed('switch cache off', server, 'y', { TERM: 'dumb' }, overtake)
    expect(code).toBe(1)
    expect(out).toContain('Conflict: anna changed the policy first')
    expect(out).toContain('teams.prod_customer.rpm: 60 -> 30')
    expect((await store.read()).change?.switches).toEqual({})
  },
)

atATerminal(
  'at a terminal it asks, in colours, unless NO_COLOR is set; anything but yes changes nothing',
  async () => {
    const server = await redis()
    const refused = await typed('switch cache off', server, 'n')
    expect(refused.code).toBe(1)
    expect(refused.out).toContain('\u001b[32m+ switches.cache: "off"')
    expect(await server.admin.keys('*')).toEqual([])
    const agreed = await typed('switch cache off', server, 'y', { NO_COLOR: '1' })
    expect(agreed.code).toBe(0)
    expect(agreed.out).toContain('+ switches.cache')
    expect(agreed.out).not.toContain('\u001b[32m')
    expect((await storeAt(server).read()).change?.switches).toEqual({ cache: 'off' })
  },
)
