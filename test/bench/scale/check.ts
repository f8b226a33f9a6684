import {
  hit,
  metrics,
  miss,
  pinging,
  plant,
  type Recorded,
  reported,
  reserved,
  type Step,
  spilled,
  type Team,
} from './commands.ts'
import { fillFleet, type Units } from './measure.ts'
import type { Bench } from './server.ts'

type Mix = { name: string; steps: (Step & { weight: number })[] }

/** Traffic of whole fleets, by how often each step comes among a thousand. */
function mixesOf(recorded: Recorded, team: Team): Mix[] {
  const weighted = (...pairs: [Step, number][]) => pairs.map(([step, weight]) => ({ ...step, weight }))
  const background: [Step, number][] = [
    [pinging(), 30],
    [metrics(recorded, 10), 10],
  ]
  return [
    {
      name: 'half hits, limits decided by Redis',
      steps: weighted(
        [hit(256), 240],
        [miss(recorded, 256), 240],
        [reserved(recorded, team), 240],
        ...background,
      ),
    },
    {
      // The loaders have little to do here, so that Redis' core is full.
      name: 'scripts alone: limits, metrics',
      steps: weighted(
        [reserved(recorded, team), 400],
        [reported(recorded, team, 10), 200],
        [metrics(recorded, 10), 200],
      ),
    },
    {
      name: 'misses of 4 KB, limits by lease',
      steps: weighted([miss(recorded, 4_096), 400], [reported(recorded, team, 1), 400], ...background),
    },
    {
      name: 'hits, rows spilled, reports of ten calls',
      steps: weighted(
        [hit(4_096), 700],
        [spilled(recorded, 1), 100],
        [reported(recorded, team, 10), 100],
        ...background,
      ),
    },
  ]
}

export type Checked = {
  mix: string
  /** Steps a second at which Redis' core is full. `reached`: what came through, while it had `busy` of a core. */
  predicted: number
  measured: number
  reached: number
  busy: number
  /** At a part of the predicted rate: the part of a core that was predicted, and measured. */
  rising: { perSecond: number; predicted: number; measured: number; p99: number }[]
}

/** Loads a Redis with mixed traffic of 100 connections at rising rates, beside what the costs of single steps predict. */
export async function check(bench: Bench, recorded: Recorded, units: Units, ms: number): Promise<Checked[]> {
  const { admin } = bench.server
  for (const size of [256, 4_096]) {
    const [name = '', key = '', value = ''] = plant(size)
    await admin.call(name, key, Buffer.from(value, 'latin1'))
  }
  const team = await fillFleet(bench, recorded, 100)
  const checked: Checked[] = []
  for (const { name, steps } of mixesOf(recorded, team)) {
    const total = steps.reduce((sum, { weight }) => sum + weight, 0)
    const us = steps.reduce(
      (sum, step) => sum + (step.weight / total) * (units[step.name]?.us ?? Number.NaN),
      0,
    )
    const predicted = 1e6 / us
    const load = async (perSecond?: number) => {
      const rate = perSecond === undefined ? {} : { perSecond }
      const done = await bench.load({ connections: 100, steps, ms, ...rate }, 2)
      if (done.errors > 0) throw new Error(`${name}: ${done.error}`)
      return done
    }
    const rising: Checked['rising'] = []
    for (const part of [0.1, 0.25, 0.5, 0.75]) {
      const done = await load(part * predicted)
      rising.push({
        perSecond: done.perSecond,
        predicted: done.perSecond / predicted,
        measured: done.busy,
        p99: done.p99,
      })
    }
    const full = await load()
    checked.push({
      mix: name,
      predicted,
      measured: full.perSecond / full.busy,
      reached: full.perSecond,
      busy: full.busy,
      rising,
    })
  }
  return checked
}
