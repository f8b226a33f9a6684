import { hotdashPolicy } from '@hotdash/llm-gateway'
import { PolicyConflict } from '@hotdash/llm-gateway/policy'
import { expect, test } from 'vitest'
import { HISTORY, LIVE, policyWith, redis, storeAt } from './kit.ts'

test('nothing was ever changed: version 0, no history, nothing to roll back to', async () => {
  const store = storeAt(await redis())
  expect(await store.read()).toEqual({ version: 0 })
  expect(await store.history()).toEqual([])
  await expect(store.rollback()).rejects.toThrow('there is no version before this one')
})

test('a version is the second at which it was made, and rises even within it', async () => {
  const store = storeAt(await redis())
  const before = Number(new Date().toISOString().replace(/\D/g, '').slice(0, 14))
  const first = await store.push(policyWith(1), { by: 'anna', comment: 'one' })
  expect(first.version).toBeGreaterThanOrEqual(before)
  let last = first.version
  for (let rpm = 2; rpm < 6; rpm += 1) {
    const { version } = await store.push(policyWith(rpm))
    expect(version).toBeGreaterThan(last)
    last = version
  }
  expect(await store.read()).toEqual({ version: last, change: (await store.history())[0] })
  const { notified: told, ...change } = first
  expect(told).toBe(0)
  expect((await store.history()).at(-1)).toEqual({ ...change, switches: {} })
  expect(first).toMatchObject({ by: 'anna', comment: 'one', what: 'push', policy: policyWith(1) })
})

test('after FLUSHALL versions go on rising', async () => {
  const server = await redis()
  const store = storeAt(server)
  const { version } = await store.push(policyWith(1))
  await server.admin.flushall()
  // The clock has seconds; a fleet that was flushed and pushed to within one has lost nothing it had.
  await new Promise((resolve) => setTimeout(resolve, 1_100))
  expect((await store.push(policyWith(2))).version).toBeGreaterThan(version)
})

test('a switch leaves the policy, a push the switches, a clear leaves each process its own', async () => {
  const store = storeAt(await redis())
  await store.switch((switches) => ({ ...switches, cache: 'off' }))
  expect((await store.read()).change).toMatchObject({ what: 'switch', switches: { cache: 'off' } })
  expect((await store.read()).change).not.toHaveProperty('policy')
  await store.push(policyWith(7))
  await store.switch((switches) => ({ ...switches, agents: { seo: { disabled: true } } }))
  expect((await store.read()).change).toMatchObject({
    policy: policyWith(7),
    switches: { cache: 'off', agents: { seo: { disabled: true } } },
  })
  const { policy, switches } = await store.clear()
  expect([policy, switches]).toEqual([undefined, { cache: 'off', agents: { seo: { disabled: true } } }])
})

test('a rollback puts back policy and switches as they were, and can itself be rolled back', async () => {
  const store = storeAt(await redis())
  const first = await store.push(policyWith(1))
  await store.switch(() => ({ mode: 'direct' }))
  const third = await store.push(policyWith(3))
  expect(await store.rollback(first.version)).toMatchObject({
    what: `rollback to ${first.version}`,
    policy: policyWith(1),
    switches: {},
  })
  expect(await store.rollback()).toMatchObject({
    what: `rollback to ${third.version}`,
    policy: policyWith(3),
    switches: { mode: 'direct' },
  })
  await expect(store.rollback(17)).rejects.toThrow(/^there is no version 17; the last were \d{14},/)
})

test('of two operators at once the later one is told what the other changed, and changes nothing', async () => {
  const server = await redis()
  const [anna, bert] = [storeAt(server), storeAt(server)]
  const { version: base } = await anna.push(policyWith(60))
  await anna.push(policyWith(30), { by: 'anna', comment: 'too many', base })
  const late = await bert.push(policyWith(90), { by: 'bert', base }).catch((error: unknown) => error)
  expect(late).toBeInstanceOf(PolicyConflict)
  expect(late).toMatchObject({
    code: 'gateway_policy_conflict',
    base,
    changes: [{ path: 'teams.prod_customer.rpm', from: 60, to: 30 }],
  })
  expect(String(late)).toMatch(
    /anna changed the policy first: version \d+ \(push, .*\) "too many". Nothing was changed.\n {2}teams.prod_customer.rpm: 60 -> 30$/,
  )
  expect((await bert.read()).change?.by).toBe('anna')
})

test('of twenty at the same moment one after another gets through, and none gets lost', async () => {
  const server = await redis()
  const stores = Array.from({ length: 20 }, () => storeAt(server))
  const outcomes = await Promise.allSettled(
    stores.map((store, at) =>
      store.switch((switches) => ({ ...switches, teams: { ...switches.teams, [`t${at}`]: { rpm: 1 } } })),
    ),
  )
  const written = outcomes.filter(({ status }) => status === 'fulfilled')
  const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
  expect(written.length).toBeGreaterThan(0)
  for (const reason of refused) expect(reason).toBeInstanceOf(PolicyConflict)
  const { change } = await (stores[0] as (typeof stores)[0]).read()
  expect(Object.keys(change?.switches.teams ?? {})).toHaveLength(written.length)
})

test('what no process would obey is not written: each problem is named by its field', async () => {
  const server = await redis()
  const store = storeAt(server)
  const bad = { ...hotdashPolicy, teams: { prod_ceo: { rpm: -1, tpn: 3 } } }
  await expect(store.push(bad as never)).rejects.toThrow(
    /teams\.prod_ceo\.rpm: must be .*\nteams\.prod_ceo\.tpn: unknown field/,
  )
  await expect(store.push({ teams: { a: { agents: ['x'] }, b: { agents: ['x'] } } })).rejects.toThrow(
    'teams.b.agents: agent "x" is in two teams, a and b',
  )
  await expect(store.push(JSON.parse('{"teams":{"__proto__":{"rpm":1}}}'))).rejects.toThrow('__proto__')
  await expect(store.switch(() => ({ mode: 'fast' }) as never)).rejects.toThrow(
    'switches.mode: must be one of',
  )
  const models = Object.fromEntries(
    Array.from({ length: 9_000 }, (_, at) => [`model-number-${at}`, { input: 1 }]),
  )
  await expect(store.push({ models })).rejects.toThrow('it has more than 262144 bytes')
  expect(await server.admin.keys('*')).toEqual([])
})

test('fifty changes are remembered, and two megabytes of them', async () => {
  const server = await redis()
  const store = storeAt(server)
  for (let rpm = 1; rpm <= 53; rpm += 1) await store.push(policyWith(rpm))
  expect((await store.history()).map(({ policy }) => policy?.teams?.prod_customer?.rpm)).toEqual(
    Array.from({ length: 50 }, (_, at) => 53 - at),
  )
  const models = Object.fromEntries(
    Array.from({ length: 6_000 }, (_, at) => [`model-number-${at}`, { input: 1 }]),
  )
  for (let times = 0; times < 12; times += 1) await store.push({ models })
  const bytes = await server.admin.memory('USAGE', HISTORY, 'SAMPLES', 0)
  expect(Number(bytes)).toBeLessThan(2.5 * 1024 * 1024)
  expect((await store.history()).length).toBeGreaterThan(8)
})

test('both keys are in one slot, and have no time to live: a policy must not vanish', async () => {
  const server = await redis()
  await storeAt(server).push(policyWith(1))
  expect((await server.admin.keys('*')).toSorted()).toEqual([HISTORY, LIVE])
  for (const key of [LIVE, HISTORY]) expect(await server.admin.ttl(key)).toBe(-1)
})

test('a full Redis takes a change nevertheless', async () => {
  const server = await redis()
  const store = storeAt(server)
  await server.admin.config('SET', 'maxmemory-policy', 'noeviction')
  await server.admin.config('SET', 'maxmemory', '1')
  expect(await store.switch(() => ({ cache: 'off' }))).toMatchObject({ switches: { cache: 'off' } })
})

test.each([
  ['a list in its place', (key: string) => ['lpush', key, 'x']],
  ['an invalid version', (key: string) => ['set', key, '1e9\n{}']],
  ['a version without a change', (key: string) => ['set', key, '5\n']],
  ['a change that is not JSON', (key: string) => ['set', key, '5\n{']],
])('%s is told of, and the next change takes its place', async (_, command) => {
  const server = await redis()
  const store = storeAt(server)
  const [name = '', ...args] = command(LIVE)
  await server.admin.call(name, ...args)
  await server.admin.set(HISTORY, 'a string')
  expect((await store.read()).broken).toEqual(expect.any(String))
  expect(await store.history()).toEqual([])
  const { version } = await store.push(policyWith(4))
  expect(await store.read()).toMatchObject({ version, change: { policy: policyWith(4) } })
  expect(await store.history()).toHaveLength(1)
})
