import type { Policy } from '@hotdash/llm-gateway'
import { newTeamKey, openVault } from '@hotdash/llm-gateway/custody'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import { beforeEach, expect, test } from 'vitest'
import { closeLater } from '../closing.ts'
import { ask, until } from '../support.ts'
import { codeOf, hideOwnKey, house, MASTER, NEXT, REAL } from './custody-kit.ts'

beforeEach(hideOwnKey)

test("upstream's key is exchanged under running agents: not one call fails", async () => {
  const { agent, vault, keys, upstream, shown } = await house()
  const isOver = { first: false }
  const refuses = ({ headers }: { headers: Record<string, unknown> }) =>
    isOver.first && headers.authorization === `Bearer ${NEXT}`
  const upstreams = await startFakeOpenAI({ tokens: 'approximate', apiKeys: [NEXT, REAL] })
  closeLater(() => upstreams.close())
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

test('two who rotate at once leave every team key with the same upstream key', async () => {
  const { vault, keys, redis } = await house()
  const spares = [keys.a, newTeamKey(), newTeamKey()]
  for (const teamKey of spares) await vault.seal({ team: 'a', teamKey, upstreamKey: REAL })
  const other = openVault({ redis: redis.url, masterKey: MASTER })
  closeLater(() => other.close())
  for (let round = 0; round < 20; round += 1) {
    await Promise.all([vault.rotate('a', `first-key-${round}`), other.rotate('a', `second-key-${round}`)])
    const opened = await Promise.all(spares.map((teamKey) => vault.open('a', teamKey)))
    expect(new Set(opened).size).toBe(1)
  }
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
