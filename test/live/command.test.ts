import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hotdashPolicy } from '@hotdash/llm-gateway'
import { expect, test } from 'vitest'
import { closeLater } from '../closing.ts'
import { BIN, llmGateway, programEnv, type Ran } from '../command.ts'
import type { RedisServer } from '../redis/server.ts'
import { sampled } from '../runs.ts'
import { agentAt, LIVE, policyWith, redis, soon, storeAt } from './kit.ts'

// Each test starts processes one after the other, which takes long on a busy machine.

/** As an operator's shell would, in a pipe. */
function gateway(
  args: string,
  server?: RedisServer,
  input = '',
  env: Record<string, string> = {},
): Promise<Ran> {
  const words = [...args.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')
  const at = server === undefined ? {} : { LLM_GATEWAY_REDIS_URL: server.url }
  return llmGateway(words, { ...at, ...env }, input)
}

/** As an operator's fingers would, at a terminal that util-linux makes. */
function typed(
  args: string,
  server: RedisServer,
  answer: string,
  env: Record<string, string> = {},
  meanwhile: () => Promise<unknown> = async () => undefined,
): Promise<Omit<Ran, 'err'>> {
  const child = spawn('script', ['-qec', `${process.execPath} ${BIN} ${args}`, '/dev/null'], {
    env: programEnv({ TERM: 'xterm', LLM_GATEWAY_REDIS_URL: server.url, ...env }),
  })
  let out = ''
  let asked = false
  child.stdout.on('data', (chunk) => {
    out += chunk
    if (asked || !out.includes('[y/N]')) return
    asked = true
    void meanwhile().then(() => child.stdin.write(`${answer}\n`))
  })
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out })))
}

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

const SWITCHES: [string, object][] = [
  ['mode litellm', { mode: 'litellm' }],
  ['mode direct --agent seo', { agents: { seo: { mode: 'direct' } } }],
  ['cache off', { cache: 'off' }],
  ['semantic shadow --agent support', { agents: { support: { semantic: 'shadow' } } }],
  ['agent seo off', { agents: { seo: { disabled: true } } }],
  ['limits prod_ceo --rpm 30 --usd 10', { teams: { prod_ceo: { rpm: 30, usdPerDay: 10 } } }],
  ['model gpt-4o gpt-4o-mini', { models: { 'gpt-4o': 'gpt-4o-mini' } }],
]

test('each switch is set, shown, taken back by itself, and all of them by reset', async () => {
  const server = await redis()
  const store = storeAt(server)
  const now = async () => (await store.read()).change?.switches
  for (const [words, switches] of sampled(SWITCHES, 4)) {
    expect(await gateway(`switch ${words} --yes`, server)).toMatchObject({ code: 0, out: '' })
    expect(await now()).toEqual(switches)
    const undone = words.replace(/litellm|direct|off|shadow|gpt-4o-mini|--rpm.*/, 'reset')
    expect((await gateway(`switch ${undone} --yes`, server)).code).toBe(0)
    expect(await now()).toEqual({})
  }
  for (const [words] of SWITCHES) await gateway(`switch ${words} --yes`, server)
  expect(Object.keys((await now()) ?? {}).toSorted()).toEqual(['agents', 'cache', 'mode', 'models', 'teams'])
  const shown = await gateway('switch show', server)
  expect(shown.out.split('\n').toSorted().filter(Boolean)).toEqual([
    '+ agents.seo.disabled: true',
    '+ agents.seo.mode: "direct"',
    '+ agents.support.semantic: "shadow"',
    '+ cache: "off"',
    '+ mode: "litellm"',
    '+ models.gpt-4o: "gpt-4o-mini"',
    '+ teams.prod_ceo.rpm: 30',
    '+ teams.prod_ceo.usdPerDay: 10',
  ])
  const applied = JSON.parse((await gateway('policy show --applied', server)).out)
  expect(applied).toMatchObject({
    mode: 'litellm',
    cache: false,
    teams: { prod_ceo: { rpm: 30, usdPerDay: 10 } },
  })
  expect((await gateway('switch reset --yes', server)).code).toBe(0)
  expect(await now()).toEqual({})
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

test('for programs: JSON on standard output and nothing else, and a dry run changes nothing', async () => {
  const server = await redis()
  const dry = await gateway('switch cache off --dry-run --json', server)
  expect(JSON.parse(dry.out)).toEqual({
    version: 0,
    changed: false,
    changes: [{ path: 'switches.cache', to: 'off' }],
  })
  expect(await server.admin.keys('*')).toEqual([])
  const done = await gateway('switch cache off --yes --json', server)
  expect(done.err).toBe('')
  const { version } = JSON.parse(done.out)
  expect(JSON.parse(done.out)).toMatchObject({ changed: true, notified: 0 })
  expect(JSON.parse((await gateway('switch show --json', server)).out)).toEqual({
    version,
    switches: { cache: 'off' },
  })
  expect(JSON.parse((await gateway('policy show --json', server)).out)).toMatchObject({
    version,
    what: 'switch',
  })
  expect(JSON.parse((await gateway('policy history --json', server)).out)).toHaveLength(1)
  expect(JSON.parse((await gateway('policy diff --json', server)).out)).toEqual([
    { path: 'switches.cache', to: 'off' },
  ])
})

test('what is broken in Redis is shown as that, with the way back', async () => {
  const server = await redis()
  const store = storeAt(server)
  const { version } = await store.push(policyWith(5))
  await server.admin.set(LIVE, `${version + 1}\n{"\\u001b[2J":1}`)
  const shown = await gateway('policy show', server)
  expect(shown).toMatchObject({ code: 1, out: '' })
  expect(shown.err).toContain('processes ignore it')
  expect(shown.err).toContain(`To put it back: llm-gateway policy rollback ${version}`)
  expect(shown.err).not.toContain('\u001b')
  // A switch starts from the last that is whole: nothing that was in force is lost with it.
  expect((await gateway('switch cache off --yes', server)).code).toBe(0)
  expect((await store.read()).change).toMatchObject({ policy: policyWith(5), switches: { cache: 'off' } })
  await server.admin.del(LIVE)
  expect((await gateway('policy rollback --yes', server)).code).toBe(0)
  expect((await store.read()).change).toMatchObject({ policy: policyWith(5), switches: { cache: 'off' } })
})

const MISTAKES: [string, string][] = [
  ['policy', 'policy: which? init, validate, explain, status, show, diff, push, rollback, history, clear'],
  ['policy shwo', 'Did you mean: llm-gateway policy show'],
  ['policy push', 'Push which?'],
  ['policy push /nowhere --yes', '/nowhere cannot be read (ENOENT).'],
  ['policy rollback yesterday', '"yesterday" is not a version.'],
  ['policy show more', '"more" is a word too many.'],
  ['policy show --al', "Unknown option '--al'"],
  ['switch', 'Switch what? mode, cache, semantic, agent, limits, model, reset, show'],
  ['switch cahce off', 'Did you mean "cache"?'],
  ['switch mode', 'switch mode: to what? embedded, litellm, direct, reset'],
  ['switch mode litelm', 'Did you mean "litellm"?'],
  ['switch agent seo', 'switch agent seo: to what? off, on, reset'],
  ['switch limits prod_ceo', 'Say --rpm, --tpm or --usd'],
  ['switch limits prod_ceo --rpm 1.5', '--rpm must be a whole number above 0, not "1.5".'],
  ['switch limits prod_ceo --usd 0', '--usd must be a number of dollars above 0'],
  ['switch model gpt-4o', 'Which by which?'],
  ['switch model gpt-4o gpt-4o', 'cannot stand in for itself'],
  ['switch cache off --rpm 3', '--rpm is for "switch limits".'],
  ['switch cache off now', '"now" is a word too many.'],
  ['switch limits prod_coe --rpm 3 --yes', 'The policy has no team "prod_coe"; did you mean "prod_ceo"?'],
  ['switch agent soe off --yes', 'No team of the policy lists an agent "soe"; did you mean "seo"?'],
  ['switch mode direct --agent soe --yes', 'To switch it all the same: --force'],
  ['switch model gpt-4o gpt-4o-min --yes', 'The price of "gpt-4o-min" is unknown'],
  ['switch cache off', 'There is no terminal to ask at: say --yes'],
]

test('a mistake is one readable message that names it, exit code 2, and changes nothing', async () => {
  const server = await redis()
  const { version } = await storeAt(server).push(policyWith(1))
  const ran = await Promise.all(MISTAKES.map(([args]) => gateway(args, server)))
  for (const [at, [args, message]] of MISTAKES.entries()) {
    const { code, out, err } = ran[at] as Ran
    expect([args, code, out]).toEqual([args, 2, ''])
    expect(err).toContain(message)
    expect(err).not.toMatch(/^ +at /m)
  }
  expect(await gateway('policy show')).toMatchObject({
    code: 2,
    err: expect.stringContaining('LLM_GATEWAY_REDIS_URL'),
  })
  expect((await gateway('policy show --redis localhost')).code).toBe(2)
  expect((await storeAt(server).read()).version).toBe(version)
})

test('a Redis that is not there is a failure in one line, soon', async () => {
  const server = await redis()
  await server.kill()
  const { code, err } = await gateway('switch cache off --yes', server)
  expect(code).toBe(1)
  expect(err).toMatch(/^llm-gateway: Redis is down: .*\n$/)
})

test('a model without a price: push and switch are refused; --force says what it would mean, and switches', async () => {
  const server = await redis()
  const policy = { ...hotdashPolicy, routing: { ...hotdashPolicy.routing, default: 'gpt-99-mini' } }
  const pushed = await gateway('policy push - --yes', server, JSON.stringify(policy))
  expect(pushed.code).toBe(1)
  expect(pushed.err).toContain('routing.default: the price of "gpt-99-mini" is unknown')
  expect(pushed.err).toContain('models["gpt-99-mini"]')
  expect(await server.admin.exists(LIVE)).toBe(0)

  const priced = { ...policy, models: { ...policy.models, 'gpt-99-mini': { input: 1, output: 2 } } }
  expect(await gateway('policy push - --yes', server, JSON.stringify(priced))).toMatchObject({ code: 0 })
  const known = await gateway('switch model gpt-4o gpt-99-mini --yes', server)
  expect(known).toMatchObject({ code: 0, err: expect.not.stringContaining('Beware') })
  const refused = await gateway('switch model gpt-4o gpt-99 --yes', server)
  expect(refused).toMatchObject({ code: 2, err: expect.stringContaining('--force') })
  const unknown = await gateway('switch model gpt-4o gpt-99 --yes --force', server)
  expect(unknown.err).toContain('Beware: routing.aliases["gpt-4o"]: the price of "gpt-99" is unknown')
  expect(unknown.code).toBe(0)
})

test('an agent that no team lists is switched by --force, and its switch is taken back without', async () => {
  const server = await redis()
  await storeAt(server).push(policyWith(1))
  expect(await gateway('switch agent guest off --yes', server)).toMatchObject({ code: 2 })
  const forced = await gateway('switch agent guest off --yes --force', server)
  expect(forced).toMatchObject({ code: 0, err: expect.stringContaining('lists an agent "guest"') })
  expect(await gateway('switch agent guest reset --yes', server)).toMatchObject({ code: 0 })
  expect((await storeAt(server).read()).change?.switches).toEqual({})
})
