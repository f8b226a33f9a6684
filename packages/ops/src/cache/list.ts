import { type CachedAnswer, openCachedAnswers } from '@hotdash/llm-gateway/admin'
import { requireRedisUrl } from '../cli/connection.ts'
import { bytes, printable, span } from '../cli/format.ts'
import { printJson, printLine, printNote } from '../cli/output.ts'
import { mayReveal } from '../cli/reveal.ts'
import { printTable } from '../cli/table.ts'
import { wholeNumber } from '../cli/whole-number.ts'
import { filterOf, type Values } from './values.ts'

/** Characters of an answer that a terminal gets. */
const MAX_SHOWN_CHARS = 2_000

/** Lists answers of the exact cache, one in memory at a time with its text. */
export async function list(values: Values): Promise<number> {
  const reveal = mayReveal(values.reveal)
  const limit = wholeNumber('--limit', values.limit, 1, 100_000)
  const cache = openCachedAnswers({ redis: requireRedisUrl(values.redis) })
  const found: Omit<CachedAnswer, 'text'>[] = []
  let hasMore = false
  try {
    for await (const { text, ...answer } of cache.list(filterOf(values))) {
      if (found.length === limit) {
        hasMore = true
        break
      }
      found.push(answer)
      if (values.json) printJson(reveal ? { ...answer, text } : answer)
      else if (reveal) printLine(`${answer.key}\n  ${shown(text)}`)
    }
  } finally {
    cache.close()
  }
  if (!values.json) {
    if (found.length === 0) return printNote('No answer matches.')
    const now = Date.now()
    printTable(
      COLUMNS,
      found.map((one) => rowOf(one, now)),
    )
  }
  return hasMore
    ? printNote(`There are more than ${limit}: say --limit, or select by --agent, --model or --team.`)
    : 0
}

const COLUMNS = [
  { title: 'KEY' },
  { title: 'TEAM' },
  { title: 'AGENT' },
  { title: 'MODEL' },
  ...['AGE', 'FRESH FOR', 'SIZE', 'TOKENS'].map((title) => ({ title, isNumber: true })),
]

function rowOf(answer: Omit<CachedAnswer, 'text'>, now: number): string[] {
  const { key, team, agent, model, storedAt, freshUntil, inputTokens, outputTokens } = answer
  return [
    key,
    team,
    agent,
    model,
    span(now - storedAt),
    freshUntil > now ? span(freshUntil - now) : 'stale',
    bytes(answer.bytes),
    inputTokens === undefined ? '' : `${inputTokens} + ${outputTokens}`,
  ]
}

/** A person reads text of upstream at a terminal: it must not command it. */
const shown = (text: string) =>
  printable(text.length > MAX_SHOWN_CHARS ? `${text.slice(0, MAX_SHOWN_CHARS)}…` : text)
