import { getEventListeners, setMaxListeners } from 'node:events'
import { setImmediate, setTimeout } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../test/runs.ts'
import { createPriorityQueue, type Outcome } from './priority-queue.ts'

const FAR = 600_000

/** A line for a thing of which there are `places`, handed out and given back. */
function world(places: number, slow = false) {
  const gauge = { waiting: 0 }
  const line = createPriorityQueue(gauge, () => undefined)
  const admitted: number[] = []
  let used = 0
  let most = 0
  let asking = 0
  let together = 0

  function arrive(id: number, priority: number, signal: AbortSignal, until = performance.now() + FAR) {
    return line.wait({
      priority,
      signal,
      until,
      async tryAdmit() {
        asking += 1
        together = Math.max(together, asking)
        if (slow) await setTimeout(1)
        asking -= 1
        if (used >= places) return { type: 'again', at: performance.now() + FAR }
        used += 1
        most = Math.max(most, used)
        admitted.push(id)
        return { type: 'in' }
      },
      undo() {
        admitted.splice(admitted.indexOf(id), 1)
        release()
      },
    })
  }
  function release() {
    if (used > 0) used -= 1
    void line.pauseUntil(0)
  }
  return { gauge, line, admitted, arrive, release, used: () => used, peaks: () => ({ most, together }) }
}

type Step =
  | { do: 'arrive'; priority: number }
  | { do: 'abort'; which: number }
  | { do: 'release' }
  | { do: 'rest' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('arrive' as const), priority: fc.constantFrom(0, 5, 5, 9) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('abort' as const), which: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('release' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('rest' as const) }) },
)

test('calls that arrive, leave and release: each ends once, in the order of its priority, and never more than allowed are admitted', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 40 }),
      fc.integer({ min: 1, max: 3 }),
      fc.boolean(),
      async (steps, places, slow) => {
        const { gauge, line, admitted, arrive, release, used, peaks } = world(places, slow)
        const calls: { priority: number; controller: AbortController; outcomes: Outcome[] }[] = []
        for (const each of steps) {
          if (each.do === 'arrive') {
            const call = {
              priority: each.priority,
              controller: new AbortController(),
              outcomes: [] as Outcome[],
            }
            void arrive(calls.length, call.priority, call.controller.signal).then((outcome) =>
              call.outcomes.push(outcome),
            )
            calls.push(call)
          } else if (each.do === 'abort') calls[each.which % calls.length]?.controller.abort()
          else if (each.do === 'release') release()
          else await setTimeout(2)
        }
        while (!line.isEmpty() || used() > 0) {
          release()
          await setTimeout(1)
        }
        await setImmediate()
        for (const [id, { controller, outcomes }] of calls.entries()) {
          expect(outcomes).toHaveLength(1)
          expect(outcomes[0]).toBe(admitted.includes(id) ? 'in' : 'left')
          expect(outcomes[0] === 'in' || controller.signal.aborted).toBe(true)
          expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
        }
        for (const lane of [0, 5, 9]) {
          const order = admitted.filter((id) => calls[id]?.priority === lane)
          expect(order).toEqual(order.toSorted((a, b) => a - b))
        }
        expect(gauge.waiting).toBe(0)
        expect(peaks().most).toBeLessThanOrEqual(places)
        expect(peaks().together).toBeLessThanOrEqual(1)
      },
    ),
    { numRuns: runs(200) },
  )
})

test('1,000 that leave take their timers and listeners with them, and the next is served', async () => {
  const { line, gauge, arrive, release } = world(1)
  await arrive(0, 5, new AbortController().signal)
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const before = timers()
  const allCallers = new AbortController()
  setMaxListeners(0, allCallers.signal)
  const left = Array.from({ length: 1_000 }, (_, at) => arrive(1 + at, at % 10, allCallers.signal))
  await setTimeout(50)
  expect(gauge.waiting).toBe(1_000)
  allCallers.abort()
  expect(new Set(await Promise.all(left))).toEqual(new Set(['left']))
  expect([gauge.waiting, line.size(), getEventListeners(allCallers.signal, 'abort').length]).toEqual([
    0, 0, 0,
  ])
  while (!line.isEmpty()) await setTimeout(1)
  // Others in this process have timers, too; a thousand would be ours.
  await expect.poll(timers).toBeLessThan(before + 100)

  const next = arrive(2_000, 5, new AbortController().signal)
  await setTimeout(20)
  release()
  expect(await next).toBe('in')
})

test('those who leave and come again for ever leave no turns behind that hold up the rest', async () => {
  const { arrive, release, admitted } = world(1)
  await arrive(0, 5, new AbortController().signal)
  const patient = arrive(1, 5, new AbortController().signal)
  for (let round = 0; round < 50; round += 1) {
    const controller = new AbortController()
    const hasty = arrive(100 + round, 0, controller.signal)
    await setImmediate()
    controller.abort()
    await hasty
  }
  release()
  await patient
  expect(admitted).toEqual([0, 1])
})

test('an ask that fails is its own caller’s trouble, and the next gets its turn', async () => {
  const line = createPriorityQueue({ waiting: 0 }, () => undefined)
  const place = (tryAdmit: () => Promise<{ type: 'in' }>) => ({
    priority: 5,
    signal: new AbortController().signal,
    until: performance.now() + FAR,
    tryAdmit,
    undo: () => undefined,
  })
  const broken = line.wait(place(() => Promise.reject(new Error('store'))))
  const fine = line.wait(place(async () => ({ type: 'in' })))
  await expect(broken).rejects.toThrow('store')
  expect(await fine).toBe('in')
  while (!line.isEmpty()) await setTimeout(1)
})
