import { createGateway } from '@hotdash/llm-gateway'
import { newTeamKey } from '@hotdash/llm-gateway/custody'
import OpenAI from 'openai'
import { beforeEach, expect, test, vi } from 'vitest'
import { closeLater } from '../closing.ts'
import { allowLog } from '../console.ts'
import { createCleanup, serve } from '../serve/kit.ts'
import { ask } from '../support.ts'
import { codeOf, hideOwnKey, house, REAL } from './custody-kit.ts'

beforeEach(hideOwnKey)

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

test('another SDK shows the team key as its own, and a key of the caller’s own is left alone', async () => {
  const { gateway, vault, keys, upstream, shown } = await house()
  await vault.seal({ team: 'a', teamKey: keys.a, upstreamKey: REAL })
  const made = createGateway(gateway({ custody: { origin: upstream.baseURL } }))
  closeLater(() => made.close())
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

test('a server without a key of its own opens that of each caller’s team', async () => {
  const { redis, upstream, keys, vault, policy } = await house()
  await vault.seal({ team: 'a', teamKey: keys.a, upstreamKey: REAL })
  const cleanup = createCleanup()
  closeLater(() => cleanup.run())
  const served = await serve(cleanup, {
    upstream: upstream.baseURL,
    policy,
    env: { OPENAI_API_KEY: '', LLM_GATEWAY_REDIS_URL: redis.url },
  })
  const caller = (apiKey: string) => new OpenAI({ apiKey, baseURL: served.baseURL, maxRetries: 0 })
  const { choices } = await caller(keys.a).chat.completions.create(ask('a'))
  expect(choices).toHaveLength(1)
  expect(await codeOf(caller(keys.b).chat.completions.create(ask('b')))).toBe('401 gateway_key_not_sealed')
  expect(await codeOf(caller('sk-unknown').chat.completions.create(ask('c')))).toMatch(/^401/)
  const said = `${served.out()}${served.err()}`
  for (const secret of [REAL, keys.a, keys.b]) expect(said).not.toContain(secret)
})
