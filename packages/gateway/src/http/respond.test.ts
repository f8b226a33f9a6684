import { expect, test } from 'vitest'
import { recordResponse } from '../body/record-response.ts'
import { fromResponse } from '../body/upstream-response.ts'
import type { Call } from '../core/call.ts'
import type { Reply } from '../core/reply.ts'
import { UNBILLED } from '../core/usage.ts'
import { respond } from './respond.ts'

test('a stream that is reset is trouble of upstream’s to those who wanted it whole, also while its tokens are counted', async () => {
  const counted = Promise.withResolvers<typeof UNBILLED>()
  const body = new ReadableStream({
    pull: (controller) => controller.error(new TypeError('terminated')),
  })
  const answer = fromResponse(new Response(body, { headers: { 'content-type': 'text/event-stream' } }))
  const recording = recordResponse(answer, {
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
  counted.resolve(UNBILLED)
  await recording.ended
})
