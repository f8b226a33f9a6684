import type { Usage } from '../core/usage.ts'

/** Assumed before an agent's first answer. */
const FIRST: Usage = { input: 300, cachedInput: 0, audioInput: 0, output: 150, reasoning: 0, audioOutput: 0 }
const FIRST_MS = 1_000

type Sum = { count: number; input: number; output: number; timed: number; ms: number }

/** Learns what the calls of each agent and operation usually take, for those of which it is not known. */
export function createTypical() {
  const sums = new Map<string, Sum>()
  const sumOf = (name: string): Sum => {
    const known = sums.get(name) ?? { count: 0, input: 0, output: 0, timed: 0, ms: 0 }
    sums.set(name, known)
    return known
  }

  return {
    learn(name: string, usage: Usage | undefined, ms: number | undefined): void {
      const sum = sumOf(name)
      if (usage !== undefined) {
        sum.count += 1
        sum.input += usage.input
        sum.output += usage.output
      }
      if (ms !== undefined) {
        sum.timed += 1
        sum.ms += ms
      }
    },
    usage(name: string): Usage {
      const { count, input, output } = sumOf(name)
      if (count === 0) return FIRST
      return { ...FIRST, input: Math.round(input / count), output: Math.round(output / count) }
    },
    /** Returns milliseconds. */
    upstreamMs(name: string): number {
      const { timed, ms } = sumOf(name)
      return timed === 0 ? FIRST_MS : ms / timed
    },
  }
}
