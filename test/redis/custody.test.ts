import { createHash } from 'node:crypto'
import { inspect } from 'node:util'
import {
  type CallRecord,
  createGateway,
  createGatewayClient,
  type GatewayOptions,
  type Policy,
} from '@hotdash/llm-gateway'
import { newTeamKey, openVault, type Vault } from '@hotdash/llm-gateway/custody'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import OpenAI from 'openai'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { llmGateway } from '../command.ts'
import { allowLog } from '../console.ts'
import { createCleanup, serve } from '../serve/kit.ts'
import { ask, until } from '../support.ts'
import { type RedisServer, startRedis } from './server.ts'

const REAL = 'upstream-key-number-one'
const NEXT = 'upstream-key-number-two'
const MASTER = newTeamKey()

const closing: (() => unknown)[] = []
beforeEach(() => {
  vi.stubEnv('OPENAI_API_KEY', '')
})
afterEach(async () => {
  vi.unstubAllEnvs()
  for (const close of closing.splice(0).toReversed()) await close()
})

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

async function house() {
  const redis = await startRedis()
  closing.push(() => redis.close())
  const upstream = await startFakeOpenAI({ tokens: 'approximate', apiKeys: [REAL] })
  closing.push(() => upstream.close())
  const keys = { a: newTeamKey(), b: newTeamKey() }
  const policy: Policy = {
    models: { 'gpt-4o-mini': { input: 0.15, output: 0.6 } },
    teams: {
      a: { agents: ['support'], keys: [sha256(keys.a)], requireKey: true },
      b: { agents: ['seo'], keys: [sha256(keys.b)], requireKey: true },
    },
  }
  const vault = openVault({ redis: redis.url, masterKey: MASTER })
  closing.push(() => vault.close())
  const records: CallRecord[] = []
  const gateway = (some: GatewayOptions = {}): GatewayOptions => ({
    agent: 'support',
    key: keys.a,
    policy,
    redis: redis.url,
    deadlines: { redisMs: 1_000, connectMs: 2_000 },
    onCall: (record) => void records.push(record),
    ...some,
  })
  const agent = (some: GatewayOptions = {}) => {
    const client = createGatewayClient({ baseURL: upstream.baseURL, maxRetries: 0, gateway: gateway(some) })
    closing.push(() => client.gateway.close())
    return client
  }
  const shown = () => upstream.requests.map(({ headers }) => headers.authorization)
  return { redis, upstream, keys, policy, vault, agent, gateway, records, shown }
}

const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => 'ok',
    (error: InstanceType<typeof OpenAI.APIError>) => `${error.status} ${error.code}`,
  )

/** Everything that is in Redis, as text. */
async function dump({ admin }: RedisServer): Promise<string> {
  const parts: unknown[] = []
  for (const key of await admin.keys('*')) {
    const type = await admin.type(key)
    parts.push(
      key,
      type === 'hash' ? await admin.hgetall(key) : type === 'string' ? await admin.get(key) : type,
    )
  }
  return JSON.stringify(parts)
}

test('an agent with nothing but its team key is answered, whole, streamed and on paths that pass through', async () => {
  const { agent, vault, keys, upstream, shown } = await house()
  await vault.seal({ team: 'a', teamKey: keys.a, upstreamKey: REAL, by: 'anna' })
  const client = agent()
  expect(client).toBeInstanceOf(OpenAI)
  await client.chat.completions.create(ask('a'))
  let text = ''
  for await (const chunk of await client.chat.completions.create({ ...ask('b'), stream: true }))
    text += chunk.choices[0]?.delta.content ?? ''
  expect(text).not.toBe('')
  await client.models.list()
  expect(upstream.count()).toBe(3)
  expect(new Set(shown())).toEqual(new Set([`Bearer ${REAL}`]))
})

test('in the steady state no call asks Redis for a key', async () => {
  const { agent, vault, keys, redis } = await house()
  await vault.seal({ team: 'a', teamKey: keys.a, upstreamKey: REAL })
  const client = agent({ cache: false, quota: false, metrics: false })
  // Once it hears of changes, it looks a second time.
  for (const question of ['first', 'second', 'third']) {
    await client.chat.completions.create(ask(question))
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  const looks = async () =>
    Number(/cmdstat_hget:calls=(\d+)/.exec(await redis.admin.info('commandstats'))?.[1] ?? 0)
  const before = await looks()
  await Promise.all(Array.from({ length: 200 }, (_, at) => client.chat.completions.create(ask(`q ${at}`))))
  expect(await looks()).toBe(before)
})

test('where nothing is sealed for a team key, the error says what to do', async () => {
  const { agent, vault, keys } = await house()
  await vault.seal({ team: 'a', teamKey: newTeamKey(), upstreamKey: REAL })
  const client = agent()
  const error = (await client.chat.completions.create(ask('a')).catch((error: unknown) => error)) as Error
  expect(error).toBeInstanceOf(OpenAI.AuthenticationError)
  expect(error).toMatchObject({ status: 401, code: 'gateway_key_not_sealed' })
  expect(error.message).toContain('llm-gateway keys seal --team a')
  expect(await codeOf(client.models.list().then())).toBe('401 gateway_key_not_sealed')
  expect(await codeOf(agent({ key: keys.b }).chat.completions.create(ask('b')))).toBe(
    '401 gateway_unknown_key',
  )
})

test("another team's sealed key, moved into one's own place, opens nothing", async () => {
  const { agent, vault, keys, redis } = await house()
  await vault.seal({ team: 'b', teamKey: keys.b, upstreamKey: REAL })
  await vault.seal({ team: 'a', teamKey: keys.a, upstreamKey: NEXT })
  const [own = ''] = (await redis.admin.hkeys('gw:{a}:k')).filter((field) => field.startsWith('t:'))
  const [other = ''] = (await redis.admin.hkeys('gw:{b}:k')).filter((field) => field.startsWith('t:'))
  await redis.admin.hset('gw:{a}:k', own, (await redis.admin.hget('gw:{b}:k', other)) ?? '')
  vi.spyOn(console, 'warn').mockReturnValue()
  expect(await codeOf(agent().chat.completions.create(ask('a')))).toBe('401 gateway_key_not_sealed')
  vi.restoreAllMocks()
})

test.each([
  ['nothing', ''],
  ['another version', '2.AAAA'],
  ['a cut value', '1.AAAA'],
  ['noise', '1.'.concat('x'.repeat(80))],
  ['a megabyte', '1.'.concat('A'.repeat(1_000_000))],
])('%s in the place of a sealed key opens nothing, and breaks nothing', async (_, value) => {
  const { agent, vault, keys, redis } = await house()
  const { id } = await vault.seal({ team: 'a', teamKey: keys.a, upstreamKey: REAL })
  await redis.admin.hset('gw:{a}:k', `t:${id}`, value)
  vi.spyOn(console, 'warn').mockReturnValue()
  const client = agent()
  expect(await codeOf(client.chat.completions.create(ask('a')))).toBe('401 gateway_key_not_sealed')
  expect(client.gateway.stats().faults).toBe(0)
  vi.restoreAllMocks()
})

test('something else in the place of the whole vault is as if Redis were away', async () => {
  const { agent, redis } = await house()
  await redis.admin.set('gw:{a}:k', 'a string')
  expect(await codeOf(agent().chat.completions.create(ask('a')))).toBe('503 gateway_custody_unavailable')
})

test("upstream's key is exchanged under running agents: not one call fails", async () => {
  const { agent, vault, keys, upstream, shown } = await house()
  const isOver = { first: false }
  const refuses = ({ headers }: { headers: Record<string, unknown> }) =>
    isOver.first && headers.authorization === `Bearer ${NEXT}`
  const upstreams = await startFakeOpenAI({ tokens: 'approximate', apiKeys: [NEXT, REAL] })
  closing.push(() => upstreams.close())
  upstreams.fail({ type: 'status', status: 401 }, { times: Number.POSITIVE_INFINITY, when: refuses as never })
  await vault.seal({ team: 'a', teamKey: keys.a, upstreamKey: NEXT })
  const agents = [agent(), agent()].map((client) => client.withOptions({ baseURL: upstreams.baseURL }))
  let asked = 0
  let running = true
  const failures: unknown[] = []
  const callers = agents.map(async (client) => {
    while (running) {
      asked += 1
      await client.chat.completions.create(ask(`q ${asked}`)).catch((error: unknown) => failures.push(error))
    }
  })
  await until(() => asked > 20, 'calls under the first key')
  expect(await vault.rotate('a', REAL)).toBe(1)
  // As operators do it: sealed first, then the old one is taken back at OpenAI.
  isOver.first = true
  const before = asked
  await until(() => asked > before + 20, 'calls under the second one')
  running = false
  await Promise.all(callers)
  expect(failures).toEqual([])
  const used = upstreams.requests.map(({ headers }) => headers.authorization)
  expect([used[0], used.at(-1)]).toEqual([`Bearer ${NEXT}`, `Bearer ${REAL}`])
  expect([upstream.count(), shown()]).toEqual([0, []])
})

test('a key that upstream turns down is looked up again, and the call asked once more', async () => {
  const { agent, vault, keys, upstream, shown, records } = await house()
  await vault.seal({ team: 'a', teamKey: keys.a, upstreamKey: 'a-key-that-was-revoked' })
  const client = agent()
  expect(await codeOf(client.chat.completions.create(ask('a')))).toMatch(/^401/)
  expect(upstream.count()).toBe(1)
  await vault.rotate('a', REAL)
  expect(await codeOf(client.chat.completions.create(ask('b')))).toBe('ok')
  expect(shown().at(-1)).toBe(`Bearer ${REAL}`)
  await client.gateway.flush()
  expect(records.at(-1)).toMatchObject({ status: 'ok' })
})

test('a team key that is revoked is of no use within moments, and the others are', async () => {
  const { agent, vault, keys } = await house()
  const spare = newTeamKey()
  const { id } = await vault.seal({ team: 'a', teamKey: keys.a, upstreamKey: REAL })
  await vault.seal({ team: 'a', teamKey: spare, upstreamKey: REAL })
  const client = agent()
  await client.chat.completions.create(ask('a'))
  expect(await vault.revoke('a', id)).toBe(true)
  expect(await vault.revoke('a', id)).toBe(false)
  const refused = () => codeOf(client.chat.completions.create(ask(`q ${Math.random()}`)))
  let code = await refused()
  const deadline = performance.now() + 5_000
  while (code === 'ok' && performance.now() < deadline) code = await refused()
  expect(code).toBe('401 gateway_key_not_sealed')
  expect(await vault.open('a', spare)).toBe(REAL)
  expect(await vault.list('a')).toHaveLength(1)
})

test('what is known goes on being used while Redis is away; what is not is refused as such', async () => {
  allowLog('GW_SINK_DROPPED')
  const { agent, vault, keys, redis } = await house()
  await vault.seal({ team: 'a', teamKey: keys.a, upstreamKey: REAL })
  const [known, fresh] = [agent(), agent()]
  await known.chat.completions.create(ask('a'))
  vi.spyOn(console, 'warn').mockReturnValue()
  await redis.kill()
  expect(await codeOf(known.chat.completions.create(ask('b')))).toBe('ok')
  expect(await codeOf(fresh.chat.completions.create(ask('c')))).toBe('503 gateway_custody_unavailable')
  vi.restoreAllMocks()
})

test('two who rotate at once leave every team key with the same upstream key', async () => {
  const { vault, keys, redis } = await house()
  const spares = [keys.a, newTeamKey(), newTeamKey()]
  for (const teamKey of spares) await vault.seal({ team: 'a', teamKey, upstreamKey: REAL })
  const other = openVault({ redis: redis.url, masterKey: MASTER })
  closing.push(() => other.close())
  for (let round = 0; round < 20; round += 1) {
    await Promise.all([vault.rotate('a', `first-key-${round}`), other.rotate('a', `second-key-${round}`)])
    const opened = await Promise.all(spares.map((teamKey) => vault.open('a', teamKey)))
    expect(new Set(opened).size).toBe(1)
  }
})

test('another master key exchanges nothing, and weak keys seal nothing', async () => {
  const { vault, keys, redis } = await house()
  await vault.seal({ team: 'a', teamKey: keys.a, upstreamKey: REAL })
  const stranger: Vault = openVault({ redis: redis.url, masterKey: newTeamKey() })
  closing.push(() => stranger.close())
  await expect(stranger.rotate('a', NEXT)).rejects.toThrow('LLM_GATEWAY_MASTER_KEY: does not open')
  expect(await vault.open('a', keys.a)).toBe(REAL)
  await expect(
    vault.seal({ team: 'a', teamKey: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', upstreamKey: REAL }),
  ).rejects.toThrow('too easy to guess')
})

test('no key is in Redis, in records, in the log or in what a client prints', async () => {
  const { agent, vault, keys, redis, records } = await house()
  const said = vi.spyOn(console, 'warn').mockReturnValue()
  await vault.seal({ team: 'a', teamKey: keys.a, upstreamKey: REAL, by: 'anna' })
  const client = agent()
  await client.chat.completions.create(ask('a'))
  await client.models.list()
  const error = await agent({ key: newTeamKey(), agent: 'seo' })
    .chat.completions.create(ask('b'))
    .catch((error: unknown) => error)
  await client.gateway.flush()
  const everything = [
    await dump(redis),
    JSON.stringify(records),
    inspect(client, { depth: 6 }),
    inspect(client.gateway.stats(), { depth: 6 }),
    inspect(error, { depth: 6 }),
    JSON.stringify(said.mock.calls),
  ].join('\n')
  for (const secret of [REAL, keys.a, MASTER, sha256(MASTER)]) expect(everything).not.toContain(secret)
  expect(everything).toContain('anna')
  vi.restoreAllMocks()
})

test('another SDK shows the team key as its own, and a key of the caller’s own is left alone', async () => {
  const { gateway, vault, keys, upstream, shown } = await house()
  await vault.seal({ team: 'a', teamKey: keys.a, upstreamKey: REAL })
  const made = createGateway(gateway({ custody: { origin: upstream.baseURL } }))
  closing.push(() => made.close())
  const other = new OpenAI({ apiKey: keys.a, baseURL: upstream.baseURL, fetch: made.fetch, maxRetries: 0 })
  await other.chat.completions.create(ask('a'))
  const own = new OpenAI({ apiKey: 'of-my-own', baseURL: upstream.baseURL, fetch: made.fetch, maxRetries: 0 })
  expect(await codeOf(own.chat.completions.create(ask('b')))).toMatch(/^401/)
  expect(shown()).toEqual([`Bearer ${REAL}`, 'Bearer of-my-own'])
})

test('straight to upstream, the team key is exchanged as well', async () => {
  const { agent, vault, keys, shown } = await house()
  await vault.seal({ team: 'a', teamKey: keys.a, upstreamKey: REAL })
  await agent({ mode: 'direct' }).chat.completions.create(ask('a'))
  expect(shown()).toEqual([`Bearer ${REAL}`])
})

test('without Redis there is nothing to keep keys in, and the option says so', () => {
  expect(() => createGateway({ custody: true, redis: false })).toThrow(
    'gateway.custody: keys are kept in Redis',
  )
})

/** As an operator's shell would: secrets by variables, or line by line on standard input. */
const keys = (args: string[], env: Record<string, string>, input = '') =>
  llmGateway(['keys', ...args], env, input)

test('an operator makes, seals, checks, exchanges, lists and revokes keys at the command line', async () => {
  const { redis, upstream } = await house()
  const env = {
    LLM_GATEWAY_REDIS_URL: redis.url,
    LLM_GATEWAY_MASTER_KEY: MASTER,
    OPENAI_BASE_URL: upstream.baseURL,
  }
  const made = await keys(['new', '--json'], {})
  const { key, sha256: hash } = JSON.parse(made.out) as { key: string; sha256: string }
  expect(sha256(key)).toBe(hash)

  const sealed = await keys(
    ['seal', '--team', 'a', '--by', 'anna', '--json'],
    env,
    `wrong-at-first\n${key}\n`,
  )
  expect(sealed).toMatchObject({ code: 0, err: '' })
  const { id } = JSON.parse(sealed.out) as { id: string }
  const checked = await keys(['check', '--team', 'a', '--ask'], { ...env, LLM_GATEWAY_KEY: key })
  expect(checked).toMatchObject({ code: 1 })
  expect(checked.err).toContain('upstream answers 401')

  const rotated = await keys(['rotate', '--team', 'a'], { ...env, OPENAI_API_KEY: REAL })
  expect(rotated).toMatchObject({ code: 0, err: 'Team a: 1 copy exchanged.\n' })
  expect((await keys(['check', '--team', 'a', '--ask'], { ...env, LLM_GATEWAY_KEY: key })).code).toBe(0)
  expect((await keys(['list', '--team', 'a'], env)).out).toMatch(new RegExp(`^${id}  20.*Z  anna\n$`))
  expect((await keys(['revoke', id, '--team', 'a'], env)).code).toBe(0)
  expect((await keys(['revoke', id, '--team', 'a'], env)).code).toBe(1)
  expect((await keys(['check', '--team', 'a'], { ...env, LLM_GATEWAY_KEY: key })).code).toBe(1)
  const said = [made.err, sealed.out, sealed.err, checked.err, rotated.err].join()
  for (const secret of [key, REAL, MASTER, 'wrong-at-first']) expect(said).not.toContain(secret)
})

test.each([
  [['seal'], '--team TEAM is missing'],
  [['seal', '--team', 'a', 'sk-on-the-command-line'], 'Secrets are never arguments'],
  [['sael', '--team', 'a'], 'Did you mean: llm-gateway keys seal'],
  [['seal', '--team', 'a'], 'LLM_GATEWAY_MASTER_KEY'],
  [['revoke', '--team', 'a'], 'llm-gateway keys list --team a'],
  [['rotate', '--team', 'a', '--redis', ''], 'LLM_GATEWAY_REDIS_URL'],
])('keys %j is not understood, and says why', async (args, why) => {
  const { code, err } = await keys(
    args,
    args.includes('--redis') ? {} : { LLM_GATEWAY_REDIS_URL: 'redis://127.0.0.1:1' },
  )
  expect(code).toBe(2)
  expect(err).toContain(why)
})

test('a server without a key of its own opens that of each caller’s team', async () => {
  const { redis, upstream, keys, vault, policy } = await house()
  await vault.seal({ team: 'a', teamKey: keys.a, upstreamKey: REAL })
  const cleanup = createCleanup()
  closing.push(() => cleanup.run())
  const served = await serve(cleanup, {
    upstream: upstream.baseURL,
    policy,
    env: { OPENAI_API_KEY: '', LLM_GATEWAY_REDIS_URL: redis.url },
  })
  const caller = (apiKey: string) => new OpenAI({ apiKey, baseURL: served.baseURL, maxRetries: 0 })
  const { choices } = await caller(keys.a).chat.completions.create(ask('a'))
  expect(choices).toHaveLength(1)
  expect(await codeOf(caller(keys.b).chat.completions.create(ask('b')))).toBe('401 gateway_key_not_sealed')
  expect(await codeOf(caller('sk-nobody').chat.completions.create(ask('c')))).toMatch(/^401/)
  const said = `${served.out()}${served.err()}`
  for (const secret of [REAL, keys.a, keys.b]) expect(said).not.toContain(secret)
})

test('a key that was revoked gets no answer from the cache either, nor does a new process that shows it', async () => {
  const { agent, vault, keys, policy } = await house()
  const open: Policy = { ...policy, cache: { sharedBetweenAccounts: true } }
  const { id } = await vault.seal({ team: 'a', teamKey: keys.a, upstreamKey: REAL })
  const client = agent({ policy: open })
  const known = await client.chat.completions.create(ask('known'))
  await client.gateway.flush()
  expect(await client.chat.completions.create(ask('known'))).toEqual(known)
  await vault.revoke('a', id)
  const refused = () => codeOf(client.chat.completions.create(ask('known')))
  for (let asked = 0; (await refused()) === 'ok' && asked < 1_000; asked += 1)
    await new Promise((resolve) => setTimeout(resolve, 5))
  expect(await refused()).toBe('401 gateway_key_not_sealed')
  const next = agent({ policy: open })
  expect(await codeOf(next.chat.completions.create(ask('known')))).toBe('401 gateway_key_not_sealed')
})
