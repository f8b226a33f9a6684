import { randomOf } from '../random.ts'
import type { Coverage } from './coverage.ts'
import { mutate } from './mutate.ts'

/** A function that is tried with inputs: it throws if a property does not hold. */
export type Target = {
  /** Tries one input. @throws Error that says what does not hold */
  run: (input: Buffer) => unknown
  /** Inputs to begin with. */
  seeds: string[]
  /** Branches outside of JavaScript that the last input reached, such as a Lua script's. */
  reached?: () => readonly number[]
  close?: () => Promise<unknown>
}

export type Found = { input: Buffer; error: string }

export type Run = {
  inputs: number
  seconds: number
  /** Branches reached. */
  reached: number
  /** Inputs that reached a branch, or a number of passes through it, before all others. */
  corpus: Buffer[]
  /** Inputs of `corpus` that together reach all branches that were reached. */
  smallest: Buffer[]
  found: Found[]
}

type Options = {
  coverage: Coverage
  seconds: number
  seed: number
  inputs: Buffer[]
  /** Broken properties after which the run ends. @default 5 */
  mostFound?: number
  /** Told of each input before it is tried. */
  onInput?: (input: Buffer) => void
}

/** Slowest run of one input, in ms: inputs have 4 KiB at most. */
const SLOW_MS = 1_000

/** Tries the inputs, then changes of those that reached new branches, until the time is over. */
export async function fuzz(target: Target, options: Options): Promise<Run> {
  const { coverage, seconds, seed, inputs, mostFound = 5, onInput } = options
  const number = randomOf(seed)
  const random = (below: number) => Math.floor(number() * below)
  const words = coverage.words().map((word) => Buffer.from(word))
  /** Bits of numbers of passes, by branch. */
  const seen = new Map<number, number>()
  const owner = new Map<number, Buffer>()
  const corpus: Buffer[] = []
  const found = new Map<string, Found>()
  const since = performance.now()
  const until = since + seconds * 1_000
  const waiting = [...target.seeds.map((seed) => Buffer.from(seed)), ...inputs].reverse()
  let tried = 0

  async function attempt(input: Buffer): Promise<void> {
    coverage.counters.fill(0, 0, coverage.branches())
    onInput?.(input)
    const began = performance.now()
    tried += 1
    try {
      const result = target.run(input)
      if (result instanceof Promise) await result
      if (performance.now() - began > SLOW_MS) throw new Error('slow: more than a second')
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : 'a throw that is no Error'
      const place = text.split('\n').slice(0, 2).join(' ').replace(/\d+/g, '#')
      if (!found.has(place)) found.set(place, { input, error: text })
    }
    if (isNew(input)) corpus.push(input)
  }

  function isNew(input: Buffer): boolean {
    let result = false
    const note = (branch: number, bits: number) => {
      const before = seen.get(branch) ?? 0
      if (before === 0) owner.set(branch, input)
      if ((before | bits) === before) return
      seen.set(branch, before | bits)
      result = true
    }
    const { counters } = coverage
    for (let branch = coverage.branches() - 1; branch >= 0; branch -= 1) {
      const passes = counters[branch] ?? 0
      if (passes > 0) note(branch, bucketOf(passes))
    }
    for (const branch of target.reached?.() ?? []) note(-1 - branch, 1)
    return result
  }

  while ((performance.now() < until || waiting.length > 0) && found.size < mostFound) {
    const given = waiting.pop()
    const from = corpus[pick(corpus.length)] ?? Buffer.from('{}')
    await attempt(given ?? mutate(from, corpus[random(corpus.length)] ?? from, words, random))
    // Timers and messages of the driver.
    if (tried % 2_000 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  /** Prefers what was found last. */
  function pick(length: number) {
    return random(2) === 0 ? random(length) : length - 1 - random(Math.min(length, 30) || 1)
  }
  return {
    inputs: tried,
    seconds: (performance.now() - since) / 1_000,
    reached: seen.size,
    corpus,
    smallest: [...new Set(owner.values())],
    found: [...found.values()],
  }
}

/** One bit for each range of passes: 1, 2, 3, 4-7, 8-15, 16-31, 32-127, more. */
function bucketOf(passes: number): number {
  if (passes <= 3) return 1 << (passes - 1)
  return passes < 8 ? 8 : passes < 16 ? 16 : passes < 32 ? 32 : passes < 128 ? 64 : 128
}
