import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { raceAbort } from './timeout.ts'

/** Counts rejections without a handler: a program without a listener ends at the first one. */
function unhandledRejections(): unknown[] {
  const seen: unknown[] = []
  const before = process.listeners('unhandledRejection')
  process.removeAllListeners('unhandledRejection')
  process.on('unhandledRejection', (reason) => seen.push(reason))
  onTestFinished(() => {
    process.removeAllListeners('unhandledRejection')
    for (const listener of before) process.on('unhandledRejection', listener)
  })
  return seen
}

test.each(['before', 'during', 'after the deadline', 'never'])(
  'a promise that rejects in the end never ends the process: aborted %s',
  async (when) => {
    const seen = unhandledRejections()
    const leaving = new AbortController()
    if (when === 'before') leaving.abort(new Error('left'))
    const failing = sleep(20).then(() => Promise.reject(new Error('failed')))
    const race = raceAbort(failing, leaving.signal, when === 'after the deadline' ? 1 : 10_000)
    if (when === 'during') leaving.abort(new Error('left'))
    const outcome = await race.catch((error: Error) => error.message)
    expect(outcome).toBe(when === 'after the deadline' ? undefined : when === 'never' ? 'failed' : 'left')
    await sleep(40)
    expect(seen).toEqual([])
  },
)
