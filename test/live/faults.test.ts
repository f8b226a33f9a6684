import { setTimeout as sleep } from 'node:timers/promises'
import { hotdashPolicy } from '@hotdash/llm-gateway'
import { beforeEach, expect, test, vi } from 'vitest'
import { allowLog } from '../console.ts'
import { ask } from '../support.ts'
import { agentAt, LIVE, policyWith, redis, soon, storeAt } from './kit.ts'

/** What went to the log. */
const said = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
beforeEach(() => void said.mockClear())
const lines = () => said.mock.calls.map(([line]) => String(line))
const refusals = () => lines().filter((line) => line.includes('live policy'))

type Server = Awaited<ReturnType<typeof redis>>

/** Writes a policy to Redis without the project's commands. */
async function plant(server: Server, version: number | string, text: string) {
  await server.admin.set(LIVE, `${version}\n${text}`)
  await server.admin.publish('gw:policy', String(version))
}

async function change(server: Server, version: number, some: object) {
  const [, text = '{}'] = ((await server.admin.get(LIVE)) ?? '').split('\n')
  return JSON.stringify({ ...JSON.parse(text), version, ...some })
}

const HOSTILE: [string, (server: Server, version: number) => Promise<string> | string, RegExp][] = [
  ['what is not JSON', () => '{"format":1,', /it is not JSON/],
  ['what is empty', () => '', /it is not JSON/],
  ['a list', () => '[1]', /it is not a JSON object/],
  [
    'a field that does not exist',
    (server, version) => change(server, version, { policy: { temas: {} } }),
    /temas: unknown field/,
  ],
  [
    'a limit below zero',
    (server, version) => change(server, version, { policy: { teams: { a: { rpm: -1 } } } }),
    /teams\.a\.rpm: must be more than 0/,
  ],
  [
    'a switch that does not exist',
    (server, version) => change(server, version, { switches: { modus: 'direct' } }),
    /switches\.modus: unknown field/,
  ],
  [
    'a newer format',
    (server, version) => change(server, version, { format: 2 }),
    /it is of format 2, which a newer version/,
  ],
  ['no format', (server, version) => change(server, version, { format: undefined }), /format: must be 1$/],
  ['the version of another', (server, version) => change(server, version - 1, {}), /version: is not the one/],
  [
    'names that mean something else to JavaScript',
    async (server, version) =>
      (await change(server, version, {})).replace('"teams":{', '"teams":{"__proto__":{"requireKey":false},'),
    /__proto__: is a reserved name/,
  ],
  [
    'a constructor',
    (server, version) => change(server, version, { switches: { agents: { constructor: {} } } }),
    /constructor: is a reserved name/,
  ],
  [
    'what is nested without end',
    () => `${'['.repeat(100_000)}${']'.repeat(100_000)}`,
    /nested more than 32 deep/,
  ],
  [
    'what is too large',
    (server, version) => change(server, version, { comment: 'x'.repeat(300_000) }),
    /it has more than 262144 bytes/,
  ],
  [
    'orders for a terminal',
    (server, version) => change(server, version, { policy: { '\u001b[2Jgone\r\n': 1 } }),
    /^\?\[2Jgone\?; : unknown field$/,
  ],
]

test.each(HOSTILE)('%s is refused, and the last good one stays; it is said once', async (_, textOf, why) => {
  const server = await redis()
  const store = storeAt(server)
  const agent = await agentAt(server)
  const { version } = await store.push(policyWith(7))
  await soon(() => agent.rpm() === 7)
  await plant(server, version + 1, await textOf(server, version + 1))
  await soon(() => agent.stats().refused !== undefined)
  expect(agent.stats()).toMatchObject({
    version,
    source: 'redis',
    refused: { version: version + 1, why: expect.stringMatching(why) },
  })
  for (let times = 0; times < 3; times += 1) {
    await server.admin.publish('gw:policy', String(version + 1))
    await agent.client.chat.completions.create(ask(`call ${times}`))
  }
  expect(agent.rpm()).toBe(7)
  expect(refusals()).toHaveLength(1)
  expect(refusals()[0]).toMatch(
    new RegExp(`version ${version + 1} of the live policy is ignored, and version ${version} stays in force`),
  )
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they must not be there.
  expect(refusals()[0]).not.toMatch(/[\u0000-\u001f]/)
  expect(Object.prototype).not.toHaveProperty('requireKey')
  // The next change takes its place.
  await store.push(policyWith(8))
  await soon(() => agent.rpm() === 8)
  expect(agent.stats().refused).toBeUndefined()
})

test('a process that starts beside a broken policy goes by its own, and calls go on', async () => {
  const server = await redis()
  await server.admin.set(LIVE, '20990101000000\ngarbage')
  const agent = await agentAt(server)
  await agent.client.chat.completions.create(ask('x'))
  expect(agent.policy().teams).toEqual(hotdashPolicy.teams)
  expect(agent.stats()).toMatchObject({ version: 0, source: 'default', refused: { version: 20990101000000 } })
  expect(refusals()).toHaveLength(1)
  expect(refusals()[0]).toContain("the program's own stays in force")
})

test.each([
  ['a list', (server: Server) => server.admin.lpush(LIVE, 'x')],
  ['an invalid version', (server: Server) => server.admin.set(LIVE, '-1\n{}')],
  ['a version beyond all time', (server: Server) => plant(server, '99999999999999', '{}')],
  [
    'an older version',
    async (server: Server) => plant(server, 20200101000001, await change(server, 20200101000001, {})),
  ],
])('%s in its place changes nothing', async (_, make) => {
  const server = await redis()
  const agent = await agentAt(server)
  const { version } = await storeAt(server).push(policyWith(7))
  await soon(() => agent.rpm() === 7)
  if (_ === 'a list') await server.admin.del(LIVE)
  await make(server)
  await server.admin.publish('gw:policy', String(version + 5))
  await soon(() => agent.stats().refused !== undefined)
  await agent.client.chat.completions.create(ask('x'))
  expect([agent.rpm(), agent.stats().version]).toEqual([7, version])
})

test('FLUSHALL: running processes keep and report the last valid policy; no process writes it back', async () => {
  const server = await redis()
  const agent = await agentAt(server)
  const store = storeAt(server)
  const { version } = await store.push(policyWith(7))
  await soon(() => agent.rpm() === 7)
  await server.admin.flushall()
  await server.admin.publish('gw:policy', String(version + 1))
  await soon(() => agent.stats().refused !== undefined)
  expect(agent.stats()).toMatchObject({ version, refused: { version: 0, why: 'it is gone' } })
  await agent.client.chat.completions.create(ask('x'))
  expect(agent.rpm()).toBe(7)
  expect(refusals()).toEqual([
    expect.stringContaining(`the live policy in Redis is ignored, and version ${version} stays`),
  ])
  expect(await server.admin.exists(LIVE)).toBe(0)
  await sleep(1_100)
  await store.push(policyWith(8))
  await soon(() => agent.rpm() === 8)
})

test('Redis killed: the last good one stays; back and empty, likewise; the next push is followed', async () => {
  allowLog('GW_REDIS_BACK')
  const server = await redis()
  const agent = await agentAt(server, { quota: { processes: 1 } })
  const { version } = await storeAt(server).push(policyWith(7))
  await soon(() => agent.rpm() === 7)
  await server.kill()
  await agent.client.chat.completions.create(ask('while it is gone'))
  expect([agent.rpm(), agent.stats().version]).toEqual([7, version])
  await server.restart()
  await soon(() => agent.stats().refused?.why === 'it is gone')
  await agent.client.chat.completions.create(ask('when it is back'))
  expect(agent.rpm()).toBe(7)
  await sleep(1_100)
  await storeAt(server).push(policyWith(8))
  await soon(() => agent.rpm() === 8)
})

test('Redis gone at the start: calls go by the own policy after the deadline, and follow when it is there', async () => {
  allowLog('GW_REDIS_BACK')
  const server = await redis()
  await server.kill()
  const agent = await agentAt(server, { deadlines: { redisMs: 200, connectMs: 500 } })
  await agent.client.chat.completions.create(ask('x'))
  expect(agent.stats()).toEqual({ version: 0, source: 'default' })
  await server.restart()
  await storeAt(server).push(policyWith(7))
  await soon(() => agent.rpm() === 7)
})

test('Redis hung at the start: the first call is answered all the same; who may not go uncounted is refused', async () => {
  allowLog('GW_REDIS_BACK')
  const server = await redis()
  await storeAt(server).push(policyWith(7))
  server.pause()
  const strict = {
    ...hotdashPolicy,
    teams: { prod_customer: { agents: ['support'], rpm: 9, onRedisUnavailable: 'reject' as const } },
  }
  const deadlines = { redisMs: 100, connectMs: 300 }
  const [agent, careful] = await Promise.all([
    agentAt(server, { deadlines }),
    agentAt(server, { deadlines, policy: strict }),
  ])
  await agent.client.chat.completions.create(ask('x'))
  expect(agent.rpm()).toBe(100)
  await expect(careful.client.chat.completions.create(ask('x'))).rejects.toMatchObject({
    code: 'gateway_quota_unavailable',
  })
  server.resume()
  await soon(() => agent.rpm() === 7 && careful.rpm() === 7)
})

test('a caller that gives up while the first look is under way is let go', async () => {
  const server = await redis()
  server.pause()
  const { client } = await agentAt(server, { deadlines: { redisMs: 3_000, connectMs: 3_000 } })
  const leaving = new AbortController()
  const call = client.chat.completions.create(ask('x'), { signal: leaving.signal })
  leaving.abort()
  await expect(call).rejects.toThrow('aborted')
  server.resume()
})

test('a flood of false versions costs few looks, and hides no true one', async () => {
  const server = await redis()
  const agent = await agentAt(server)
  await agent.client.gateway.ready()
  const store = storeAt(server)
  const looks = async () =>
    Number(/cmdstat_evalsha:calls=(\d+)/.exec(await server.admin.info('commandstats'))?.[1] ?? 0)
  const before = await looks()
  for (let at = 0; at < 2_000; at += 1)
    await server.admin.publish('gw:policy', String(90_000_101_000_000 - at))
  for (const nonsense of ['', 'x', '-1', '1e400', '9'.repeat(400)])
    await server.admin.publish('gw:policy', nonsense)
  expect((await looks()) - before).toBeLessThan(100)
  await store.push(policyWith(7))
  await soon(() => agent.rpm() === 7)
})
