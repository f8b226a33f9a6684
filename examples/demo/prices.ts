import { type CallRecord, hotdashPolicy } from '@hotdash/llm-gateway'
import type { Day } from './day.ts'
import { EMBEDDINGS, MAX_OUTPUT, type Tokens } from './tasks.ts'

const rates = new Map(Object.entries(hotdashPolicy.models))

/** Adds US dollars as whole billionths, since sums of floats drift. */
export const nano = (usd: number | undefined) => Math.round((usd ?? 0) * 1e9)

/** Returns upstream's charge for one answer, by the policy's prices, in billionths of a dollar. */
export function priceOf({ model, input, cached, output }: Tokens): number {
  const rate = rates.get(model)
  if (rate === undefined) throw new Error(`the policy has no price for ${model}`)
  const exact = (input - cached) * rate.input + cached * rate.cachedInput + output * rate.output
  return Math.ceil(Number((exact * 1_000).toFixed(3)))
}

/** Upper bound of a day's cost: one token per byte, full answers, the large model for all calls. */
export function mostOf(day: Day): number {
  return day.flat().reduce((sum, { task }) => {
    if (task.kind === 'embeddings')
      return sum + priceOf({ model: EMBEDDINGS, input: bytes(task), cached: 0, output: 0 })
    const turns = task.kind === 'tools' ? 2 : 1
    const one = { model: 'gpt-4o', input: bytes(task) + 1_000, cached: 0, output: MAX_OUTPUT }
    return sum + turns * priceOf(one)
  }, 0)
}

const bytes = (task: object) => Buffer.byteLength(JSON.stringify(task))

export const isHit = ({ cache }: CallRecord) => cache === 'exact' || cache === 'flight'
