import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { SemanticPlan } from '#src/core/caller.ts'
import { planOf } from '#src/policy/semantic-plan.ts'
import { createRedisConnection, type RedisConnection } from '#src/redis/connection.ts'
import { createAuto } from '#src/semantic/decision/auto/auto.ts'
import { createSharedStates, stateKeyOf } from '#src/semantic/decision/auto/shared-states.ts'
import { calibrationScopeOf } from '#src/semantic/query/partition.ts'
import { surges, upperBoundOf } from '../clopper-pearson.ts'
import { runs } from '../runs.ts'
import { type RedisServer, startRedis } from './server.ts'

const DAY_MS = 86_400_000
const SECRET = 'shared by all processes'

let redis: RedisServer
let link: RedisConnection
beforeAll(async () => {
  redis = await startRedis()
  link = createRedisConnection(redis.url, {
    deadlineMs: 10_000,
    connectMs: 10_000,
    onChange: () => undefined,
  })
})
afterAll(async () => {
  link.close()
  await redis.close()
})

const scopeOf = (agent: string, secret = SECRET) =>
  calibrationScopeOf({ caller: { team: 't', agent } }, 'words', secret)
const planned = (errorBudget: number) => planOf([{ semantic: { mode: 'auto', errorBudget } }]) as SemanticPlan

/** Clocks of all processes. */
const clock = { ms: 0, wall: Date.UTC(2026, 0, 1) }

function newProcess(connection = link) {
  const work = new Set<Promise<void>>()
  const auto = createAuto({
    shared: createSharedStates(connection),
    track(each) {
      work.add(each)
      each.finally(() => work.delete(each))
    },
    now: () => clock.ms,
    wall: () => clock.wall,
  })
  return {
    auto,
    async settled() {
      while (work.size > 0) await Promise.all(work)
      await auto.settled()
    },
  }
}

const batch = fc.oneof(
  { weight: 12, arbitrary: fc.record({ right: fc.integer({ min: 1, max: 15 }) }) },
  { weight: 2, arbitrary: fc.record({ wrong: fc.integer({ min: 1, max: 2 }) }) },
  { weight: 4, arbitrary: fc.record({ saved: fc.integer({ min: 0, max: 3_000 }) }) },
  { weight: 4, arbitrary: fc.record({ spent: fc.integer({ min: 0, max: 1_000 }) }) },
  { weight: 1, arbitrary: fc.record({ days: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 1, arbitrary: fc.constant({ restart: true }) },
)
type Batch = {
  right?: number
  wrong?: number
  saved?: number
  spent?: number
  days?: number
  restart?: boolean
}

/** Proof, a gain, a loss: both ways are gone at least once. */
const ONCE_ON_AND_OFF: { who: number; what: Batch }[] = [
  { who: 0, what: { right: 20 } },
  { who: 1, what: { right: 20 } },
  { who: 0, what: { saved: 100 } },
  { who: 1, what: { spent: 1_000 } },
]

test('whatever happens in whichever process: it serves only with proof and without loss, and all processes agree', async () => {
  let [agents, served, left] = [0, 0, 0]
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(0.05, 0.1, 0.3),
      fc.array(fc.record({ who: fc.nat({ max: 1 }), what: batch as fc.Arbitrary<Batch> }), {
        minLength: 5,
        maxLength: 60,
      }),
      async (budget, all) => {
        agents += 1
        const agent = `agent ${agents}`
        const [scope, plan] = [scopeOf(agent), planned(budget)]
        const processes = [newProcess(), newProcess()]
        for (const { auto } of processes) await auto.refresh(scope, plan)
        /** What has happened, in order: the oracle's books. */
        const judged: boolean[] = []
        const money: { day: number; saved: number; spent: number }[] = []
        let was = false
        for (const { who, what } of all) {
          const { right = 0, wrong = 0, saved = 0, spent = 0, days = 0, restart } = what
          clock.wall += days * DAY_MS
          if (restart) {
            await processes[who]?.settled()
            processes[who] = newProcess()
          }
          const { auto } = processes[who] as ReturnType<typeof newProcess>
          await auto.refresh(scope, plan)
          for (let each = 0; each < right + wrong; each += 1) {
            judged.push(each < right)
            auto.judged(scope, plan, each < right)
          }
          if (saved > 0 || spent > 0) {
            money.push({ day: Math.floor(clock.wall / DAY_MS), saved, spent })
            auto.enter(scope, plan, { saved, spent })
          }
          const ownWord = auto.standing(scope, plan).serving
          await processes[who]?.settled()
          clock.ms += 2_000
          for (const each of processes) {
            await each.auto.refresh(scope, plan)
            await each.settled()
          }
          const words = processes.map(({ auto }) => auto.standing(scope, plan))
          expect(words[0]?.serving).toBe(words[1]?.serving)
          const today = Math.floor(clock.wall / DAY_MS)
          const window = money.filter(({ day }) => day > today - 7)
          const sum = (name: 'saved' | 'spent') => window.reduce((total, each) => total + each[name], 0)
          const newest = judged.slice(-3_000)
          const bound = upperBoundOf(newest.filter((is) => !is).length, newest.length)
          const isServing = words[0]?.serving === true
          if (isServing || ownWord) {
            expect(newest.length).toBeGreaterThanOrEqual(30)
            expect(bound).toBeLessThanOrEqual(budget)
            expect(sum('saved')).toBeGreaterThanOrEqual(sum('spent'))
            served += 1
          }
          // With proof, no surge of wrong answers, and a clear gain it does serve.
          const recent = judged.slice(-200)
          const isSurge = surges(recent.filter((is) => !is).length, recent.length, budget)
          if (isServing) expect(isSurge).toBe(false)
          if (newest.length >= 30 && bound <= budget && !isSurge && sum('saved') > 1.1 * sum('spent'))
            expect(isServing, JSON.stringify(words)).toBe(true)
          if (was && !isServing) left += 1
          was = isServing
        }
      },
    ),
    { numRuns: runs(150), examples: [[0.3, ONCE_ON_AND_OFF]] },
  )
  expect(served).toBeGreaterThan(0)
  expect(left).toBeGreaterThan(0)
})

async function proven(agent: string) {
  const [scope, plan, it] = [scopeOf(agent), planned(0.1), newProcess()]
  await it.auto.refresh(scope, plan)
  for (let each = 0; each < 40; each += 1) it.auto.judged(scope, plan, true)
  it.auto.enter(scope, plan, { saved: 1_000, spent: 10 })
  await it.settled()
  expect(it.auto.standing(scope, plan)).toMatchObject({ serving: true, reason: 'proven' })
  return { ...it, scope, plan }
}

test('two processes that learn at the same time lose nothing', async () => {
  const [scope, plan] = [scopeOf('both'), planned(0.1)]
  const processes = [newProcess(), newProcess(), newProcess()]
  for (let each = 0; each < 20; each += 1)
    for (const { auto } of processes) {
      auto.judged(scope, plan, each !== 7)
      auto.enter(scope, plan, { saved: 5, spent: 1 })
    }
  await Promise.all(processes.map((each) => each.settled()))
  const reader = newProcess()
  await reader.auto.refresh(scope, plan)
  expect(reader.auto.sums(scope, plan)).toMatchObject({ judged: 60, wrong: 3, saved: 300, spent: 60 })
})

test('a value that was changed, copied from another agent or kept from another secret proves nothing', async () => {
  const it = await proven('honest')
  const key = stateKeyOf(it.scope)
  const value = await redis.admin.getBuffer(key)
  const standingOf = async (agent: string, secret = SECRET) => {
    const reader = newProcess()
    await reader.auto.refresh(scopeOf(agent, secret), it.plan)
    return reader.auto.standing(scopeOf(agent, secret), it.plan)
  }
  expect(await standingOf('honest')).toMatchObject({ serving: true })
  const text = value?.toString() ?? ''
  for (const forged of [
    text.replace('"evidence":"+', '"evidence":"++'),
    text.slice(0, -1),
    `${text} `,
    'x',
    '',
  ]) {
    await redis.admin.set(key, forged)
    expect(await standingOf('honest')).toMatchObject({ serving: false, reason: 'unproven' })
  }
  await redis.admin.set(key, value ?? '')
  await redis.admin.copy(key, stateKeyOf(scopeOf('other')))
  expect(await standingOf('other')).toMatchObject({ serving: false, reason: 'unproven' })
  await redis.admin.copy(key, stateKeyOf(scopeOf('honest', 'another secret, also long')))
  expect(await standingOf('honest', 'another secret, also long')).toMatchObject({ serving: false })
  expect(await standingOf('honest')).toMatchObject({ serving: true })
})

test('a state that Redis lost is restored by the next process that learns', async () => {
  const it = await proven('lost')
  await redis.admin.del(stateKeyOf(it.scope))
  it.auto.judged(it.scope, it.plan, true)
  await it.settled()
  const reader = newProcess()
  await reader.auto.refresh(it.scope, it.plan)
  expect(reader.auto.sums(it.scope, it.plan)).toMatchObject({ judged: 41, saved: 1_000 })
  expect(reader.auto.standing(it.scope, it.plan)).toMatchObject({ serving: true })
})

test("a person's word against an answer counts at once, in a process that serves no call, too", async () => {
  const it = await proven('refuted')
  const cli = newProcess()
  for (let each = 0; each < 3; each += 1) await cli.auto.refuted(it.scope)
  clock.ms += 2_000
  await it.auto.refresh(it.scope, it.plan)
  await it.settled()
  expect(it.auto.standing(it.scope, it.plan)).toMatchObject({ serving: false, reason: 'unproven' })
  expect(it.auto.known('refuted')).toMatchObject({ sums: { judged: 43, wrong: 3 } })
  // Of an agent that was never in this mode there is nothing to learn.
  await cli.auto.refuted(scopeOf('unheard of'))
  expect(await redis.admin.exists(stateKeyOf(scopeOf('unheard of')))).toBe(0)
})

test('without a judge, or with an unknown cost, nothing is served', async () => {
  const it = await proven('unjudged')
  const without = { ...it.plan, judge: undefined }
  expect(it.auto.standing(it.scope, without)).toMatchObject({ serving: false, reason: 'unjudged' })
  expect(it.auto.standing(it.scope, it.plan)).toMatchObject({ serving: true })
  it.auto.enter(it.scope, it.plan, { unpriced: 1 })
  expect(it.auto.standing(it.scope, it.plan)).toMatchObject({ serving: false, reason: 'unpriced' })
})

test('without Redis for half a minute an agent is in shadow; what it learned meanwhile is written afterwards', async () => {
  const own = await startRedis()
  const connection = createRedisConnection(own.url, {
    deadlineMs: 500,
    connectMs: 500,
    onChange: () => undefined,
  })
  try {
    const [scope, plan, it] = [scopeOf('away'), planned(0.1), newProcess(connection)]
    await it.auto.refresh(scope, plan)
    for (let each = 0; each < 40; each += 1) it.auto.judged(scope, plan, true)
    it.auto.enter(scope, plan, { saved: 1_000 })
    await it.settled()
    await own.kill()
    clock.ms += 29_000
    await it.auto.refresh(scope, plan)
    expect(it.auto.standing(scope, plan)).toMatchObject({ serving: true })
    clock.ms += 2_000
    await it.auto.refresh(scope, plan)
    expect(it.auto.standing(scope, plan)).toMatchObject({ serving: false, reason: 'unknown' })
    it.auto.judged(scope, plan, false)
    await it.settled()
    const fresh = newProcess(connection)
    await fresh.auto.refresh(scope, plan)
    expect(fresh.auto.standing(scope, plan)).toMatchObject({ serving: false, reason: 'unknown' })
    await own.restart()
    while (!(await connection.availableWithin(1_000))) await sleep(50)
    clock.ms += 2_000
    await it.settled()
    await it.auto.refresh(scope, plan)
    // That Redis had saved nothing: the state is as this process knew it.
    expect(it.auto.sums(scope, plan)).toMatchObject({ judged: 41, wrong: 1 })
    expect(it.auto.standing(scope, plan).reason).toBe('unproven')
  } finally {
    connection.close()
    await own.close()
  }
})
