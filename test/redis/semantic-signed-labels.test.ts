import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createRedisConnection } from '#src/redis/connection.ts'
import { emptyLabels, estimate } from '#src/semantic/decision/threshold/labels.ts'
import { createSharedLabels } from '#src/semantic/decision/threshold/shared.ts'
import { closeLater } from '../closing.ts'
import { runs } from '../runs.ts'
import { server } from './semantic-kit.ts'

test('whatever is written over labels, they are those that were learned or none', async () => {
  const redis = await server()
  const link = createRedisConnection(redis.url, {
    deadlineMs: 10_000,
    connectMs: 10_000,
    onChange: () => undefined,
  })
  closeLater(() => link.close())
  const none = { nearest: emptyLabels(), consensus: emptyLabels() }
  const school = (name: string, secret = 'secret') => ({
    agent: 'a',
    name: `gw:{${name}}:sl:x`,
    secret: Buffer.from(secret),
  })
  const note = { entry: 'e', similarity: 0.9, right: true, nearest: true, confidence: undefined }
  const writer = createSharedLabels(link)
  for (let each = 0; each < 5; each += 1) await writer.add(school('t'), { ...note, right: each > 0 }, none)
  await writer.add(school('u'), note, none)
  await writer.add({ ...school('v'), name: school('t').name.replace('x', 'y') }, note, none)
  const value = (await redis.admin.get(school('t').name)) ?? ''
  const others = await Promise.all(
    [school('u').name, school('t').name.replace('x', 'y')].map((key) => redis.admin.get(key)),
  )
  const hostile = fc.oneof(
    fc
      .record({ at: fc.nat(value.length - 1), by: fc.string({ minLength: 1, maxLength: 3 }) })
      .map(({ at, by }) => value.slice(0, at) + by + value.slice(at + by.length)),
    fc.nat(value.length).map((at) => value.slice(0, at)),
    fc.constantFrom(...others.map((other) => other ?? '')),
    fc.string({ maxLength: 200 }),
    fc.constant(`${value}\n`),
    fc.constant(value.replace(/w\d+=\d+,?/, '')),
    fc.constant(value.replace(/r(\d+)=4/, 'r$1=4000')),
    fc.constant(`\n${value.split('\n').slice(1).join('\n')}`),
  )
  await fc.assert(
    fc.asyncProperty(hostile, async (text) => {
      await redis.admin.set(school('t').name, text)
      const found = await createSharedLabels(link).load(school('t'))
      const { labels, wrong } = estimate(found?.nearest ?? emptyLabels(), 0.7)
      expect([labels, wrong]).toEqual(text === value ? [5, 1] : [0, 0])
      // With another team's secret nothing can be read either.
      expect(
        estimate((await createSharedLabels(link).load(school('t', 'other')))?.nearest ?? emptyLabels(), 0.7)
          .labels,
      ).toBe(0)
    }),
    { numRuns: runs(100) },
  )
  // What is left of a process that knows better is whole again with its next label.
  await redis.admin.del(school('t').name)
  const known = { nearest: emptyLabels(), consensus: emptyLabels() }
  known.nearest.wrong[200] = 7
  await writer.add(school('t'), note, known)
  expect(estimate((await writer.load(school('t')))?.nearest ?? emptyLabels(), 0.7)).toMatchObject({
    wrong: 7,
  })
})

test('labels that several processes add at the same time are all counted', async () => {
  const redis = await server()
  const links = Array.from({ length: 3 }, () =>
    createRedisConnection(redis.url, { deadlineMs: 10_000, connectMs: 10_000, onChange: () => undefined }),
  )
  for (const link of links) closeLater(() => link.close())
  const school = { agent: 'a', name: 'gw:{t}:sl:x', secret: Buffer.from('secret') }
  const none = { nearest: emptyLabels(), consensus: emptyLabels() }
  const note = { entry: 'e', similarity: 0.9, right: true, nearest: true, confidence: undefined }
  await Promise.all(
    links.map(async (link) => {
      const labels = createSharedLabels(link)
      for (let each = 0; each < 20; each += 1) await labels.add(school, note, none)
    }),
  )
  const found = await createSharedLabels(links[0] as (typeof links)[0]).load(school)
  expect(estimate(found?.nearest ?? emptyLabels(), 0.7).labels).toBe(60)
})
