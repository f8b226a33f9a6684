import type { PurgeFilter } from '@hotdash/llm-gateway/admin'
import { UsageError } from '../core/command.ts'

/** Options of `llm-gateway cache`, as parsed. */
export type Values = {
  redis?: string | undefined
  team?: string | undefined
  agent?: string | undefined
  model?: string | undefined
  key?: string | undefined
  all: boolean
  limit: string
  reveal: boolean
  concurrency: string
  restart: boolean
  yes: boolean
  json: boolean
}

/** Returns what selects answers, without what was not given. */
export const filterOf = ({ team, agent, model, key }: Values): PurgeFilter => ({
  ...(team !== undefined && { team }),
  ...(agent !== undefined && { agent }),
  ...(model !== undefined && { model }),
  ...(key !== undefined && { key }),
})

/** Parses a whole number of an option. @throws UsageError naming the option and its bounds */
export function wholeNumber(option: string, text: string, least: number, most: number): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (number >= least && number <= most) return number
  throw new UsageError(`${option} must be a whole number from ${least} to ${most}, not "${text}".`)
}
