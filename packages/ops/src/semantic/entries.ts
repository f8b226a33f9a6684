import type { SemanticEntry } from '@hotdash/llm-gateway'
import { confirm } from '../cli/confirm.ts'
import { printable, span } from '../cli/format.ts'
import { printFailure, printJson, printLine, printNote } from '../cli/output.ts'
import { mayReveal } from '../cli/reveal.ts'
import { printTable } from '../cli/table.ts'
import { wholeNumber } from '../cli/whole-number.ts'
import { NOT_FOUND, requireKey, type Values, withSemantic } from './values.ts'

const MAX_LIMIT = 10_000

/** Lists entries that the secret can read. */
export async function list(values: Values): Promise<number> {
  const reveal = mayReveal(values.reveal)
  const limit = wholeNumber('--limit', values.limit, 1, MAX_LIMIT)
  const { team, agent, model } = values
  const filter = {
    ...(team !== undefined && { team }),
    ...(agent !== undefined && { agent }),
    ...(model !== undefined && { model }),
  }
  const entries = await withSemantic(values, ({ semantic }) => semantic.list(filter, limit))
  if (values.json) return printJson(entries.map((entry) => publicPart(entry, reveal)))
  if (entries.length === 0) return printNote('No entry matches that can be read with this secret.')
  const now = Date.now()
  printTable(
    COLUMNS,
    entries.map((entry) => rowOf(entry, now)),
  )
  if (reveal) for (const entry of entries) printText(entry)
  return entries.length === limit ? printNote(`There may be more than ${limit}: say --limit.`) : 0
}

/** Shows one entry. */
export async function inspect(values: Values, operand: string | undefined): Promise<number> {
  const key = requireKey('inspect', operand)
  const reveal = mayReveal(values.reveal)
  const entry = await withSemantic(values, ({ semantic }) => semantic.inspect(key))
  if (entry === undefined) return printFailure(NOT_FOUND)
  if (values.json) return printJson(publicPart(entry, reveal))
  const now = Date.now()
  const { team, agent, model, storedAt, expiresAt, pinned } = entry
  for (const [name, value] of [
    ['key', key],
    ['team', team],
    ['agent', agent],
    ['model', model],
    ['stored', `${new Date(storedAt).toISOString()} (${span(now - storedAt)} ago)`],
    ['expires', pinned ? 'pinned: kept for a year' : new Date(expiresAt).toISOString()],
    ['question', reveal ? entry.question : hidden(entry.question)],
    ['answer', reveal ? entry.answer : hidden(entry.answer)],
  ] as const)
    printLine(`${name.padEnd(9)} ${printable(value)}`)
  return 0
}

/** Pins an entry, or takes its pin back. */
export async function pin(values: Values, operand: string | undefined): Promise<number> {
  const key = requireKey('pin', operand)
  const isPinned = !values.off
  if (!(await withSemantic(values, ({ semantic }) => semantic.pin(key, isPinned))))
    return printFailure(NOT_FOUND)
  if (values.json) return printJson({ key, pinned: isPinned })
  return printNote(
    isPinned ? 'Pinned: kept for a year, and replaced by no new answer.' : 'Unpinned: it expires as before.',
  )
}

/** Removes an entry and its copy in the exact cache, after confirmation. */
export async function remove(values: Values, operand: string | undefined): Promise<number> {
  const key = requireKey('remove', operand)
  if (!values.yes && !(await confirm(`Remove ${key} from both caches?`, 'say --yes')))
    return printFailure('Nothing was removed.')
  const removed = await withSemantic(values, (gateway) => gateway.purge({ key }))
  if (values.json) printJson({ key, removed })
  else if (removed > 0)
    printNote(
      `Removed: ${removed} ${removed === 1 ? 'copy' : 'copies'}, of the semantic and of the exact cache.`,
    )
  return removed > 0 ? 0 : printFailure('There is no such entry.')
}

const publicPart = ({ question, answer, ...entry }: SemanticEntry, reveal: boolean) =>
  reveal
    ? { ...entry, question, answer }
    : { ...entry, questionChars: question.length, answerChars: answer.length }

const hidden = (text: string) => `${text.length} characters (--reveal at a terminal shows them)`

function printText({ key, question, answer }: SemanticEntry): void {
  for (const line of ['', key, `  ${question}`, `  ${answer}`]) printLine(printable(line))
}

const COLUMNS = [
  { title: 'KEY' },
  { title: 'TEAM' },
  { title: 'AGENT' },
  { title: 'MODEL' },
  { title: 'AGE', isNumber: true },
  { title: 'EXPIRES IN', isNumber: true },
]

const rowOf = (
  { key, team, agent, model, storedAt, expiresAt, pinned }: SemanticEntry,
  now: number,
): string[] => [key, team, agent, model, span(now - storedAt), pinned ? 'pinned' : span(expiresAt - now)]
