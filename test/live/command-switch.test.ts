import { hotdashPolicy } from '@hotdash/llm-gateway'
import { expect, test } from 'vitest'
import { sampled } from '../runs.ts'
import { gateway } from './command-kit.ts'
import { LIVE, policyWith, redis, storeAt } from './kit.ts'

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
