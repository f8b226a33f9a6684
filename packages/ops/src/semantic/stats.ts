import { countSemanticEntries, type SemanticCount } from '@hotdash/llm-gateway/admin'
import { readMetrics } from '@hotdash/llm-gateway/metrics'
import { requireRedisUrl } from '../cli/connection.ts'
import { bytes, dollars, whole } from '../cli/format.ts'
import { printJson, printLine, printNote } from '../cli/output.ts'
import { printTable } from '../cli/table.ts'
import type { Values } from './values.ts'

const DAY_MS = 86_400_000

/** An agent's semantic hits in the last 24 hours. Dollars. */
type AgentDay = {
  team: string
  agent: string
  calls: number
  hits: number
  savedUsd: number
  embeddingUsd: number
}

/** Counts entries by team, and hits by agent. Needs no secret. */
export async function stats({ redis, json }: Values): Promise<number> {
  const url = requireRedisUrl(redis)
  const now = Date.now()
  const [teams, { rows }] = await Promise.all([
    countSemanticEntries({ redis: url }),
    readMetrics(url, { from: now - DAY_MS, to: now + 60_000 }),
  ])
  const agents = new Map<string, AgentDay>()
  for (const { team, agent, calls, hits, savedUsd, embeddingUsd } of rows) {
    const known = agents.get(`${team}\n${agent}`) ?? {
      team,
      agent,
      calls: 0,
      hits: 0,
      savedUsd: 0,
      embeddingUsd: 0,
    }
    known.calls += calls
    known.hits += hits.semantic
    known.savedUsd += savedUsd
    known.embeddingUsd += embeddingUsd
    agents.set(`${team}\n${agent}`, known)
  }
  const users = [...agents.values()].filter(({ hits, embeddingUsd }) => hits > 0 || embeddingUsd > 0)
  if (json) return printJson({ teams, agents: users })
  if (teams.length === 0) printNote('The semantic cache has no entry in this Redis.')
  else printTable(TEAM_COLUMNS, teams.map(teamRow))
  if (users.length > 0) {
    printLine('')
    printTable(AGENT_COLUMNS, users.map(agentRow))
    printNote('Of the last 24 hours. SAVED: by all caches.')
  }
  return 0
}

const numbers = (titles: string[]) => titles.map((title) => ({ title, isNumber: true }))
const TEAM_COLUMNS = [
  { title: 'TEAM' },
  ...numbers(['PARTITIONS', 'ENTRIES', 'PINNED', 'SIZE', 'REFUTED QUESTIONS', 'LABELS RIGHT', 'WRONG']),
]
const AGENT_COLUMNS = [
  { title: 'TEAM' },
  { title: 'AGENT' },
  ...numbers(['CALLS', 'SEMANTIC HITS', 'SAVED', 'VECTORS COST']),
]

const teamRow = ({
  tag,
  partitions,
  entries,
  pinned,
  bytes: size,
  refutedQuestions,
  right,
  wrong,
}: SemanticCount) => [
  tag,
  whole(partitions),
  whole(entries),
  whole(pinned),
  bytes(size),
  whole(refutedQuestions),
  whole(right),
  whole(wrong),
]

const agentRow = ({ team, agent, calls, hits, savedUsd, embeddingUsd }: AgentDay) => [
  team,
  agent,
  whole(calls),
  whole(hits),
  dollars(savedUsd),
  dollars(embeddingUsd),
]
