import { quantile } from '../measure.ts'
import { shuffled } from '../serve/measure.ts'
import type { Figures, Row } from './result.ts'
import type { Started } from './started.ts'
import type { Order, Told, What } from './worker.ts'

export type Side = { started: Started; row: Row }
export type Upstream = { asked: () => Promise<number>; delay: (ms: number) => Promise<void> }

/** Runs a stage for one peer. What fails is written in its row, and the others go on. */
export async function attempt(side: Side, stage: string, run: () => Promise<void>): Promise<boolean> {
  if (side.row.missing[stage] !== undefined || side.row.missing.all !== undefined) return false
  try {
    await run()
    return true
  } catch (error) {
    side.row.missing[stage] = String(error).split('\n').slice(0, 2).join(' ').slice(0, 300)
    console.log(`  ${side.row.name}: ${stage} failed: ${side.row.missing[stage]}`)
    // A process that has ended, or does not answer, makes no further calls.
    if (/ended with|nothing heard/.test(String(error))) side.row.missing.all = side.row.missing[stage] ?? ''
    return false
  }
}

export type Turns = { key: string; what: What; bytes: number; rounds: number; calls: number }

/** All peers take turns in short batches, in another order each round; the bare client is one of them. */
export async function inTurns(
  sides: Side[],
  { key, what, bytes, rounds, calls }: Turns,
  upstream: Upstream,
  random: () => number,
): Promise<void> {
  const all = new Map<Side, Told[]>(sides.map((side) => [side, []]))
  for (let round = 0; round < rounds; round += 1)
    for (const side of shuffled(sides, random))
      await attempt(side, key, async () => {
        const mine = Math.ceil(calls * (side.started.peer.share ?? 1))
        const before = await upstream.asked()
        const told = await side.started.ask({ do: 'calls', what, bytes, calls: mine })
        checkAsked(what, (await upstream.asked()) - before, mine)
        all.get(side)?.push(told)
      })
  const bare = sides.find(({ row }) => row.id === 'bare')
  const floors = bare && all.get(bare)
  for (const [{ row }, told] of all) {
    if (told.length === 0 || row.missing[key] !== undefined) continue
    Object.assign(row.figures, figuresOf(key, told, what === 'hit' ? undefined : floors))
  }
}

/** @throws if hits were none, or misses were. */
function checkAsked(what: What, asked: number, calls: number): void {
  // Each of several workers may ask once.
  if (what === 'hit' && asked > 2) throw new Error(`${asked} of ${calls} hits asked upstream`)
  if (what !== 'hit' && asked < calls) throw new Error(`only ${asked} of ${calls} misses asked upstream`)
}

function figuresOf(key: string, told: Told[], floors: Told[] | undefined): Figures {
  const times = told.flatMap((one) => one.times)
  const figures: Figures = {
    [`${key} p50`]: quantile(times, 0.5),
    [`${key} p99`]: quantile(times, 0.99),
    [`${key} calls`]: times.length,
  }
  const chunks = told.flatMap((one) => one.chunks)
  if (chunks.length > 0) figures[`${key} chunk`] = quantile(chunks, 0.5)
  if (floors === undefined) return figures
  const floor = floors.flatMap((one) => one.times)
  // What each round added says how sure the difference of the medians is.
  const added = told.map(({ times }, at) => quantile(times, 0.5) - quantile(floors[at]?.times ?? [], 0.5))
  figures[`${key} added p50`] = quantile(times, 0.5) - quantile(floor, 0.5)
  figures[`${key} added p99`] = quantile(times, 0.99) - quantile(floor, 0.99)
  figures[`${key} added quartile 1`] = quantile(added, 0.25)
  figures[`${key} added quartile 3`] = quantile(added, 0.75)
  if (chunks.length > 0)
    figures[`${key} chunk added`] =
      quantile(chunks, 0.5) -
      quantile(
        floors.flatMap((one) => one.chunks),
        0.5,
      )
  return figures
}

/** Calls a second, and processor time of a call with that of the peer's server; each peer has the machine to itself. */
export async function load(
  sides: Side[],
  what: 'miss' | 'hit',
  { atOnce, rounds, forMs }: { atOnce: number; rounds: number; forMs: number },
  upstream: Upstream,
  random: () => number,
): Promise<void> {
  const key = `${what} at ${atOnce}`
  const rates = new Map<Side, number[]>(sides.map((side) => [side, []]))
  const costs = new Map<Side, number[]>(sides.map((side) => [side, []]))
  for (let round = 0; round < rounds; round += 1)
    for (const side of shuffled(sides, random))
      await attempt(side, key, async () => {
        const order: Order = { do: 'load', what, bytes: 1_000, atOnce, forMs }
        const server = side.started.server()?.cpuMs ?? 0
        const before = await upstream.asked()
        const told = await side.started.ask(order)
        checkAsked(what, (await upstream.asked()) - before, told.calls)
        const served = (side.started.server()?.cpuMs ?? 0) - server
        rates.get(side)?.push(told.calls / told.seconds)
        // Below zero: a worker of the server has ended.
        if (served >= 0) costs.get(side)?.push((told.cpu + served * 1_000) / told.calls)
      })
  for (const [side, all] of rates) {
    if (all.length === 0 || side.row.missing[key] !== undefined) continue
    side.row.figures[`${key} per second`] = quantile(all, 0.5)
    side.row.figures[`${key} cpu`] = quantile(costs.get(side) ?? [], 0.5)
  }
}

export async function memory(sides: Side[], when: 'idle' | 'loaded'): Promise<void> {
  for (const side of sides)
    await attempt(side, `memory ${when}`, async () => {
      const { megabytes } = await side.started.ask({ do: 'memory' })
      const server = side.started.server()
      side.row.figures[`memory ${when}`] = server?.megabytes ?? megabytes
    })
}
