import { readFileSync } from 'node:fs'
import type { AnswerVerdict } from '@hotdash/llm-gateway'
import { confirm } from '../cli/confirm.ts'
import { printFailure, printJson, printNote } from '../cli/output.ts'
import { UsageError } from '../core/command.ts'
import { isObject, textOf } from '../core/json.ts'
import { NOT_FOUND, requireKey, type Values, withSemantic } from './values.ts'

/** Passes on what a person says of an answer. */
export async function label(values: Values, operand: string | undefined): Promise<number> {
  const { wrong, right, yes, json } = values
  if (wrong === right) throw new UsageError('Say one of --wrong and --right.')
  const record = values.record === undefined ? {} : semanticOf(readText(values.record), values.record)
  const key = requireKey('label', operand ?? record.entry)
  const verdict = verdictOf(values, record)
  if (
    wrong &&
    !yes &&
    !(await confirm(`Remove ${key} from both caches, and learn that it was wrong?`, 'say --yes'))
  )
    return printFailure('Nothing was changed.')
  const result = await withSemantic(values, ({ semantic }) => semantic.label(key, verdict))
  if (result === undefined) return printFailure(NOT_FOUND)
  if (json) return printJson({ key, right, ...result })
  const { learned, refuted, removed } = result
  if (wrong)
    printNote(
      `Removed: ${removed} ${removed === 1 ? 'copy' : 'copies'}, of the semantic and of the exact cache.`,
    )
  if (refuted) printNote('No process serves this answer for that question again.')
  printNote(
    learned
      ? "Learned: the agent's thresholds follow in all processes within a minute."
      : 'Thresholds have learned nothing: --similarity of the call is needed for that.',
  )
  return 0
}

type RecordPart = { entry?: string; similarity?: number; path?: string; confidence?: number }

function verdictOf(
  { right, similarity, path, confidence, asked }: Values,
  record: RecordPart,
): AnswerVerdict {
  const near = ratio('--similarity', similarity) ?? record.similarity
  const sure = ratio('--confidence', confidence) ?? record.confidence
  const chosen = path ?? record.path ?? 'nearest'
  if (chosen !== 'nearest' && chosen !== 'consensus')
    throw new UsageError(`--path must be nearest or consensus, not "${chosen}".`)
  if (chosen === 'consensus' && near !== undefined && sure === undefined)
    throw new UsageError('--confidence is missing: it belongs to --path consensus.')
  const question = asked === undefined ? undefined : readText(asked).trim()
  if (question === '') throw new UsageError(`--asked: ${asked} is empty.`)
  return {
    right,
    path: chosen,
    ...(near !== undefined && { similarity: near }),
    ...(sure !== undefined && { confidence: sure }),
    ...(question !== undefined && { asked: question }),
  }
}

function ratio(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const number = /^[\d.]+$/.test(text) ? Number(text) : Number.NaN
  if (number >= 0 && number <= 1) return number
  throw new UsageError(`${option} must be a number from 0 to 1, not "${text}".`)
}

/** Returns `semantic` of a call's record. @throws UsageError where it has none */
function semanticOf(text: string, file: string): RecordPart {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new UsageError(`--record: ${file} is not JSON.`)
  }
  const semantic = isObject(value) && isObject(value.semantic) ? value.semantic : undefined
  const entry = textOf(semantic?.entry)
  if (semantic === undefined || entry === undefined)
    throw new UsageError(
      `--record: ${file} has no semantic.entry: no entry of the semantic cache took part in that call.`,
    )
  const { similarity, path, confidence } = semantic
  return {
    entry,
    ...(typeof similarity === 'number' && { similarity: Math.min(1, Math.max(0, similarity)) }),
    ...(typeof path === 'string' && { path }),
    ...(typeof confidence === 'number' && { confidence: Math.min(1, Math.max(0, confidence)) }),
  }
}

/** @throws UsageError where the file cannot be read */
function readText(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    throw new UsageError(`${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'}).`)
  }
}
