import { inspect } from 'node:util'
import { newTeamKey, openVault, type Vault } from '@hotdash/llm-gateway/custody'
import { beforeEach, expect, test, vi } from 'vitest'
import { closeLater } from '../closing.ts'
import { ask } from '../support.ts'
import { codeOf, hideOwnKey, house, MASTER, NEXT, REAL, sha256 } from './custody-kit.ts'
import type { RedisServer } from './server.ts'

beforeEach(hideOwnKey)

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

test('another master key exchanges nothing, and weak keys seal nothing', async () => {
  const { vault, keys, redis } = await house()
  await vault.seal({ team: 'a', teamKey: keys.a, upstreamKey: REAL })
  const stranger: Vault = openVault({ redis: redis.url, masterKey: newTeamKey() })
  closeLater(() => stranger.close())
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
