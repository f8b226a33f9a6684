import { expect, test } from 'vitest'
import { record } from '../body/record.ts'
import { arrivalOf } from '../body/upstream-response.ts'
import type { Call } from '../core/call.ts'
import type { Reply } from '../core/reply.ts'
import { unbilled } from '../core/usage.ts'
import { respond } from './respond.ts'

test('a stream that is reset is trouble of upstream’s to those who wanted it whole, also while its tokens are counted', async () => {
  const counted = Promise.withResolvers<typeof unbilled>()
  const body = new ReadableStream({
    pull: (controller) => controller.error(new TypeError('terminated')),
  })
  const answer = arrivalOf(new Response(body, { headers: { 'content-type': 'text/event-stream' } }))
  const recording = record(answer, {
    operation: 'chat',
    stream: true,
    usageInjected: false,
    azure: () => false,
    meter: () => counted.promise,
  })
  const { signal } = new AbortController()
  const call = { view: { stream: false, includeUsage: false, signal }, signal } as Call
  const faults: unknown[] = []
  const given = respond({ recording } as Reply, call, (error) => faults.push(error))
  await expect(given).rejects.toThrow('terminated')
  expect(faults).toEqual([])
  counted.resolve(unbilled)
  await recording.ended
})
