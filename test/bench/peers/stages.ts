import { commands, identical, imports, lose, spend } from './breaking.ts'
import type { Plan } from './result.ts'
import type { Around } from './started.ts'
import { inTurns, load, memory, type Side, type Upstream } from './turns.ts'

export type Bench = {
  sides: Side[]
  plan: Plan
  upstream: Upstream
  around: Around
  random: () => number
  say: (what: string) => void
}

/** What is measured, in this order: what breaks a peer comes last. */
export async function stages(bench: Bench): Promise<void> {
  const { sides, plan, upstream, around, random, say } = bench
  const turns = async (
    key: string,
    what: 'miss' | 'hit' | 'stream',
    bytes: number,
    rounds: number,
    of = sides,
  ) => {
    say(key)
    const calls = Math.ceil(plan.calls / (what === 'stream' ? 2 : 1))
    await inTurns(of, { key, what, bytes, rounds, calls }, upstream, random)
  }
  const caching = sides.filter(({ started }) => started.peer.cache !== undefined)
  const streaming = sides.filter(({ started }) => started.peer.streams)

  await memory(sides, 'idle')
  await turns('first 200', 'miss', 1_000, Math.ceil(200 / plan.calls))
  await turns('warm-up 10 KB', 'miss', 10_000, Math.ceil(plan.rounds / 8))
  await turns('warm-up stream', 'stream', 1_000, Math.ceil(plan.rounds / 8), streaming)
  await turns('miss 1 KB', 'miss', 1_000, plan.rounds)
  await turns('miss 10 KB', 'miss', 10_000, Math.ceil(plan.rounds / 2))
  await turns('miss 100 KB', 'miss', 100_000, Math.ceil(plan.rounds / 4))
  // The first one asks upstream, and what it is answered is stored a little later.
  for (const { started } of caching) await started.ask({ do: 'calls', what: 'hit', bytes: 1_000, calls: 2 })
  await new Promise((resolve) => setTimeout(resolve, 500))
  await turns('hit', 'hit', 1_000, plan.rounds, caching)
  await turns('stream', 'stream', 1_000, Math.ceil(plan.rounds / 2), streaming)
  for (const what of ['miss', 'hit'] as const)
    for (const atOnce of [16, 64]) {
      say(`${what}, ${atOnce} at once`)
      const of = what === 'hit' ? caching : sides
      await load(of, what, { atOnce, rounds: plan.loadRounds, forMs: plan.loadMs }, upstream, random)
    }
  await memory(sides, 'loaded')
  say('commands of Redis')
  await commands(sides, 50)
  say('imports')
  const libraries = sides.filter(({ started }) => started.peer.proxy === undefined)
  await imports(libraries, plan.imports)
  say('identical calls')
  await identical(sides, plan.identical, upstream)
  say('spending')
  await spend(sides, plan.spend, around, upstream)
  say('Redis hung and killed')
  await lose(sides, plan)
}
