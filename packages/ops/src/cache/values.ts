import type { PurgeFilter } from '@hotdash/llm-gateway/admin'

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
