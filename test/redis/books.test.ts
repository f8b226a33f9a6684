import { afterEach, describe, expect, test } from 'vitest'
import { createBooksAdmin } from '#src/quota/redis/books.ts'
import type { Verdict } from '#src/quota/store.ts'
import { randomOf } from '../random.ts'
import { runs, SEED } from '../runs.ts'
import { claim, limits, member, truth, usd } from './quota-kit.ts'
import { startRedis } from './server.ts'

const open: { close: () => unknown }[] = []
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close()
})

const BY = { by: 'anna', comment: 'a test' }
const LIMIT = limits({ version: 3, rpm: 100_000, tpm: 1_000_000, usdPerDay: usd(10_000) })
const today = () => new Date().toISOString().slice(0, 10)

async function place() {
  const server = await startRedis()
  open.push(server)
  const process = () => {
    const one = member(server.url)
    open.push(one)
    return one
  }
  const link = process().link
  return { server, process, books: createBooksAdmin(link, 'UTC') }
}

/** Makes a call of 100 n$ through a process, and settles it. */
async function spend(one: ReturnType<typeof member>, id: string, cost = 100): Promise<Verdict> {
  const verdict = await one.reserve(claim(id, { limits: LIMIT }))
  if (verdict.admitted) {
    await one.settle(truth(id, { cost: usd(cost) }))
    await one.settled()
  }
  return verdict
}

test('the books show what is spent, held and leased, and each process with its lease', async () => {
  const { process, books } = await place()
  expect(await books.show('t')).toEqual({ team: 't', state: 'absent', processes: [] })
  const one = process()
  await spend(one, 'a')
  await one.reserve(claim('b', { limits: LIMIT, worstCost: usd(300) }))
  one.report()
  await expect
    .poll(async () => (await books.show('t')).books)
    .toMatchObject({ spentUsd: 100 / 1e9, heldUsd: 300 / 1e9, requests: 2, unconfirmedUsd: 0 })
  const { state, day, books: shown, processes } = await books.show('t')
  expect({ state, day }).toEqual({ state: 'present', day: today() })
  expect(shown?.limits).toMatchObject({ rpm: 100_000, tpm: 1_000_000, usdPerDay: 10_000 / 1e9, version: 3 })
  expect(processes).toHaveLength(1)
  expect(processes[0]?.leasedUsd).toBe(shown?.leasedUsd)
  expect(processes[0]?.leasedUsd).toBeGreaterThan(0)
})

test('to show changes nothing: not a byte of the state, and no key', async () => {
  const { server, process, books } = await place()
  await spend(process(), 'a')
  const dump = () => server.admin.dumpBuffer('gw:{t}:quota')
  const before = await dump()
  await books.show('t')
  await books.show('absent')
  expect(await dump()).toEqual(before)
  expect(await server.admin.keys('gw:{absent}*')).toEqual([])
})

test('a value that another program wrote there is told, and stays', async () => {
  const { server, books } = await place()
  await server.admin.rpush('gw:{t}:quota', 'x')
  expect(await books.show('t')).toMatchObject({ state: 'damaged' })
  expect(await books.reset('t', 'day', BY)).toEqual({ outcome: 'damaged' })
  expect(await server.admin.type('gw:{t}:quota')).toBe('list')
})

describe('a reset', () => {
  test('starts the day from zero, keeps holds and leases, and is logged with who and why', async () => {
    const { process, books } = await place()
    const one = process()
    await spend(one, 'a', 4_000)
    await one.reserve(claim('b', { limits: LIMIT, worstCost: usd(700) }))
    one.report()
    await expect.poll(async () => (await books.show('t')).books?.heldUsd).toBe(700 / 1e9)
    const { outcome, before, after } = await books.reset('t', 'day', BY)
    expect(outcome).toBe('changed')
    expect(before).toMatchObject({ spentUsd: 4_000 / 1e9 })
    expect(after).toMatchObject({ spentUsd: 0, inheritedUsd: 0, unconfirmedUsd: 0, heldUsd: 700 / 1e9 })
    expect(after?.leasedUsd).toBe(before?.leasedUsd)
    expect(after?.requests).toBe(before?.requests)
    expect(await books.log('t')).toEqual([
      expect.objectContaining({ what: 'reset', by: 'anna', comment: 'a test', day: today(), before, after }),
    ])
    // The call in flight is settled into the new books.
    await one.settle(truth('b', { cost: usd(500) }))
    await one.settled()
    await expect
      .poll(async () => (await books.show('t')).books)
      .toMatchObject({ spentUsd: 500 / 1e9, heldUsd: 0 })
  })

  test('never lets a live process exceed the limit: what it was granted before counts for all others', async () => {
    const { process, books } = await place()
    const [idle, busy] = [process(), process()]
    const worst = 10
    let admitted = 0
    const call = async (one: typeof idle, id: string) => {
      const verdict = await one.reserve(
        claim(id, { limits: LIMIT, inputTokens: 1, maxOutputTokens: 1, worstCost: usd(worst) }),
      )
      if (verdict.admitted) await one.settle(truth(id, { tokens: 2, cost: usd(worst) }))
      return verdict.admitted
    }
    await call(idle, 'first')
    await call(busy, 'second')
    for (const one of [idle, busy]) {
      one.report()
      await drained(one)
    }
    expect((await books.show('t')).books?.leasedUsd).toBeGreaterThan(0)
    await books.reset('t', 'day', BY)
    for (const one of [busy, idle])
      while (await call(one, `call-${admitted}`)) {
        admitted += 1
        expect(admitted * worst).toBeLessThanOrEqual(10_000)
      }
    expect(admitted * worst).toBeGreaterThan(9_000)
  })

  test('of the minute leaves the dollars', async () => {
    const { process, books } = await place()
    await spend(process(), 'a')
    await expect.poll(async () => (await books.show('t')).books?.requests).toBe(1)
    const { after } = await books.reset('t', 'minute', BY)
    expect(after).toMatchObject({ requests: 0, tokens: 0, spentUsd: 100 / 1e9 })
  })

  test('of a team without books changes nothing', async () => {
    const { server, books } = await place()
    expect(await books.reset('t', 'day', BY)).toEqual({ outcome: 'absent' })
    expect(await server.admin.dbsize()).toBe(0)
  })

  const seeds = Array.from({ length: runs(30) }, (_, at) => SEED + at)
  test.each(seeds)(
    'whatever processes do, they never spend more than the limit between two resets (seed %i)',
    async (seed) => {
      const { process, books } = await place()
      const random = randomOf(seed)
      const fleet = [process(), process(), process()]
      let spent = 0
      let idle: number | undefined
      const inFlight: { one: (typeof fleet)[number]; id: string; worst: number }[] = []
      const CAP = 10_000
      for (let step = 0; step < 260; step += 1) {
        // One process keeps its lease while the others spend what is left; then it spends it.
        const awake = fleet.filter((_, at) => at !== idle)
        const one = awake[Math.floor(random() * awake.length)] ?? fleet[0]
        if (one === undefined) return
        const dice = random()
        if (step % 120 !== 30 && dice < 0.75) {
          const [id, worst] = [`${seed}-${step}`, 1 + Math.floor(random() * 300)]
          const verdict = await one.reserve(claim(id, { limits: LIMIT, worstCost: usd(worst) }))
          if (verdict.admitted) inFlight.push({ one, id, worst })
          else idle = undefined
        } else if (step % 120 !== 30) {
          const call = inFlight.splice(Math.floor(random() * inFlight.length), 1)[0]
          if (call === undefined) continue
          spent += call.worst
          await call.one.settle(truth(call.id, { cost: usd(call.worst) }))
        } else {
          // What processes know is in the books now, which start from zero.
          for (const each of fleet) each.report()
          await Promise.all(fleet.map((each) => drained(each)))
          await books.reset('t', 'day', BY)
          spent = 0
          idle = Math.floor(random() * 3)
        }
        const possible = spent + inFlight.reduce((sum, { worst }) => sum + worst, 0)
        expect(possible).toBeLessThanOrEqual(CAP)
      }
    },
  )
})

/** Waits until a process has reported all calls that it has admitted by its lease. */
const drained = (one: ReturnType<typeof member>) => expect.poll(() => one.stats().queued).toBe(0)

describe('balanced with other evidence', () => {
  const evidence = (nano: number, lower = false, day = today()) => ({ usd: nano / 1e9, day, lower })

  test('books that show less are raised, and books that show more are lowered only on request', async () => {
    const { process, books } = await place()
    await spend(process(), 'a', 1_000)
    await expect.poll(async () => (await books.show('t')).books?.spentUsd).toBe(1_000 / 1e9)
    expect(await books.balance('t', evidence(700), BY)).toMatchObject({ outcome: 'unchanged' })
    expect((await books.balance('t', evidence(2_500), BY)).after).toMatchObject({ inheritedUsd: 1_500 / 1e9 })
    expect(await books.balance('t', evidence(2_500), BY)).toMatchObject({ outcome: 'unchanged' })
    const lowered = await books.balance('t', evidence(400, true), BY)
    expect(lowered.after).toMatchObject({ inheritedUsd: 0, spentUsd: 400 / 1e9 })
    expect((await books.log('t')).map(({ what }) => what)).toEqual(['balance', 'balance'])
  })

  test('evidence of another day changes nothing', async () => {
    const { process, books } = await place()
    await spend(process(), 'a')
    expect(await books.balance('t', evidence(9_000, true, '2020-01-01'), BY)).toEqual({
      outcome: 'other-day',
    })
  })

  test('books that Redis has lost are raised, and a process that restores what it knows adds nothing', async () => {
    const { server, process, books } = await place()
    const one = process()
    await spend(one, 'a', 3_000)
    await drained(one)
    await server.admin.flushall()
    expect((await books.balance('t', evidence(3_000), BY)).after).toMatchObject({ inheritedUsd: 3_000 / 1e9 })
    await spend(one, 'b', 100)
    await drained(one)
    const { books: shown } = await books.show('t')
    expect((shown?.inheritedUsd ?? 0) + (shown?.spentUsd ?? 0)).toBeCloseTo(3_100 / 1e9, 12)
    expect(await server.admin.pttl('gw:{t}:quota')).toBeGreaterThan(0)
    expect(await server.admin.pttl('gw:{t}:books')).toBeGreaterThan(0)
  })
})
