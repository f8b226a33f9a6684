import { expect, test } from 'vitest'
import { ask, setup, until } from './support.ts'

/** Far longer than these tests wait: the SDK sleeps as long before it tries again. */
const RETRY_AFTER = { type: 'status', status: 503, headers: { 'retry-after': '50' } } as const

test('a caller that gives up while the SDK waits to try again gets its record at once', async () => {
  const { client, records, upstream } = await setup({ policy: { routing: { fallback: false } } })
  upstream.fail(RETRY_AFTER)
  const abort = new AbortController()
  const call = client.chat.completions.create(ask('hello'), { signal: abort.signal, maxRetries: 1 })
  call.catch(() => undefined)
  await until(() => client.gateway.stats().pending === 1 && upstream.count() === 1, 'an attempt is made')
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(records).toEqual([])
  abort.abort()
  const since = performance.now()
  await until(() => records.length === 1, 'the record is written')
  expect(performance.now() - since).toBeLessThan(10_000)
  expect(records[0]).toMatchObject({ httpStatus: 503, attempts: [{}] })
  expect(await client.gateway.flush()).toBe(true)
})

test('close records a call whose retry has not come yet', async () => {
  const { client, records, upstream } = await setup({ policy: { routing: { fallback: false } } })
  upstream.fail(RETRY_AFTER)
  client.chat.completions.create(ask('hello'), { maxRetries: 1 }).catch(() => undefined)
  await until(() => upstream.count() === 1, 'an attempt is made')
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(await client.gateway.close()).toBe(true)
  expect(records).toMatchObject([{ httpStatus: 503 }])
})
