import { expect } from 'vitest'
import type { CallRecord } from '#src/core/record.ts'
import { createSinkQueue } from '#src/sinks/queue.ts'
import type { Report, Sink } from '#src/sinks/sink.ts'

const report = (id: string): Report => ({ record: { id } as CallRecord, parameters: {} })

export function queue(
  deliver: Sink['deliver'],
  limits: { maxReports?: number; maxBytes?: number; batch?: number } = {},
) {
  const { batch = 10, maxReports = 100, maxBytes = 1e9 } = limits
  const said: string[] = []
  const held: boolean[] = []
  const box = createSinkQueue(
    { name: 'test', batch, lingerMs: 100, deadlineMs: 1_000, deliver },
    {
      maxReports,
      maxBytes,
      warn: (_code, message) => said.push(message) > 0,
      fault: (error) => expect.fail(String(error)),
      onPending: () => void held.push(true),
      onEmpty: () => void held.push(false),
    },
  )
  let count = 0
  return {
    ...box,
    said,
    held,
    add: (bytes = 100) => {
      const id = String(count++)
      box.add({ report: () => report(id), bytes })
    },
  }
}
