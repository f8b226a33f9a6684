import { describe, expect, test } from 'vitest'
import { setup, until } from '../support.ts'
import { arrived, leavesNothingUnhandled, open, tried } from './kit.ts'
import { isCached, surfaces } from './surfaces.ts'

describe('a miss is what the bare client sees, and upstream sees what the bare client sends', () => {
  test.each(tried(surfaces))('$name', async ({ run, calls }) => {
    const { client, bare, upstream } = await setup(open)
    const expected = await run(bare)
    const sent = arrived(upstream.requests)
    upstream.reset()
    const seen = await run(client)
    expect(seen).toStrictEqual(expected)
    expect(arrived(upstream.requests)).toEqual(sent)
    expect(sent).toHaveLength(calls)
  })
})

describe('a hit is what the bare client sees', () => {
  test.each(tried(surfaces.filter(isCached)))('$name', async ({ run, calls }) => {
    const { client, bare, upstream } = await setup(open)
    const expected = await run(bare)
    upstream.reset()
    await run(client)
    const seen = await run(client)
    expect(upstream.count()).toBe(calls)
    expect(seen.same).toStrictEqual(expected.same)
  })
})

describe('a follower of a flight in progress sees what the bare client sees', () => {
  test.each(tried(surfaces.filter(isCached)))('$name', async ({ run, calls }) => {
    const { client, bare, upstream } = await setup(open, {}, { latencyMs: 40 })
    const expected = await run(bare)
    upstream.reset()
    const all = await Promise.all([run(client), run(client), run(client)])
    expect(upstream.count()).toBe(calls)
    for (const seen of all) {
      expect(seen.same).toStrictEqual(expected.same)
      if (calls === 1) expect(seen.live).toStrictEqual(expected.live)
    }
  })
})

describe('a late reader sees what the bare client sees, whenever it comes', () => {
  test.each(tried(surfaces.filter(isCached)))('$name', async ({ run, calls }) => {
    const { client, bare, upstream } = await setup(open, {}, { latencyMs: 10, chunkDelayMs: 1 })
    const expected = await run(bare)
    upstream.reset()
    const readers = [run(client)]
    await until(() => upstream.count() > 0, 'the question arrives')
    for (const ms of [5, 10, 15, 20]) {
      await new Promise((resolve) => setTimeout(resolve, ms))
      readers.push(run(client))
    }
    for (const seen of await Promise.all(readers)) expect(seen.same).toStrictEqual(expected.same)
    expect(upstream.count()).toBe(calls)
  })
})

describe('the usage that the gateway asks for by itself shows nowhere', () => {
  test.each(tried(surfaces.filter(({ name }) => /stream/.test(name))))('$name', async ({ run }) => {
    const policy = { streamUsage: 'always' as const, routing: {} }
    const { client, bare } = await setup({ policy })
    const expected = await run(bare)
    expect(await run(client)).toStrictEqual(expected)
    expect((await run(client)).same).toStrictEqual(expected.same)
  })
})

leavesNothingUnhandled()
