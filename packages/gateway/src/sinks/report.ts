import type { Call } from '../core/call.ts'
import type { Json } from '../core/json.ts'
import type { Capture } from '../core/policy.ts'
import type { CallRecord } from '../core/record.ts'
import type { Ending } from '../core/recording.ts'
import { callHook } from '../util/faults.ts'
import { type Mask, maskJson, maskPersonal, maskSecrets, maskText } from '../util/redact.ts'
import { contentOf, parametersOf } from './content.ts'
import type { Content, Report } from './sink.ts'

/** About what a record takes beside its texts. */
const RECORD_BYTES = 1_000

export type ReportSource = {
  record: CallRecord
  /** Absent for requests that passed straight through. */
  said?: { call: Call; ending: Ending }
}

/** A report and about what it holds in memory, in bytes. */
export type Rendered = { report: Report; bytes: number }

/**
 * Makes and masks a report: what is kept afterwards is what will be sent, and neither the call nor its answer.
 * `maxBytes`: of a larger one the content is left out.
 */
export function render(
  { record, said }: ReportSource,
  { capture, own, maxBytes }: { capture: Capture; own: Mask | undefined; maxBytes: number },
): Rendered {
  const mask = guarded(masksOf(capture, own))
  const report: Report = {
    record: maskedRecord(record, mask),
    parameters: said === undefined ? {} : maskedParameters(parametersOf(said.call), mask),
  }
  const bytes = RECORD_BYTES + sizeOf(report as unknown as Json)
  if (said === undefined || capture === 'off') return { report, bytes }
  const answered = said.ending.type === 'complete' ? said.ending.answer : undefined
  const content = contentOf(said.call.operation, said.call.body, answered?.()?.json)
  const masked = Object.fromEntries(
    Object.entries(content).map(([name, json]) => [name, maskJson(json as Json, mask)]),
  ) as Content
  const size = sizeOf(masked)
  report.content = size > maxBytes ? { input: `<left out: ${size} bytes>` } : masked
  return { report, bytes: bytes + (size > maxBytes ? 0 : size) }
}

/** Two bytes a character at worst, and some for each value. Masked JSON is nested no deeper than 64 levels. */
function sizeOf(json: Json): number {
  if (typeof json === 'string') return 24 + json.length * 2
  if (typeof json !== 'object' || json === null) return 8
  let size = 32
  if (Array.isArray(json)) for (const each of json) size += sizeOf(each)
  else for (const name of Object.keys(json)) size += 16 + name.length * 2 + sizeOf(json[name] ?? null)
  return size
}

function masksOf(capture: Capture, own: Mask | undefined): Mask {
  const masks = [
    maskSecrets,
    ...(capture === 'on' ? [] : [maskPersonal]),
    ...(own === undefined ? [] : [own]),
  ]
  return (text) => masks.reduce((text, mask) => mask(text), text)
}

/** A mask that fails lets nothing through. */
function guarded(mask: Mask): Mask {
  return (text) => {
    let hasFailed = false
    const masked: unknown = callHook(
      () => mask(text),
      () => {
        hasFailed = true
      },
    )
    if (hasFailed) return '<the mask failed>'
    return typeof masked === 'string' ? masked : '<the mask gave no text>'
  }
}

/**
 * What callers wrote into a record freely, or may have: agents and models as well, since they are named in requests. Ids
 * and words of our own stay. All of it is whole characters, which receivers insist on.
 */
function maskedRecord(record: CallRecord, mask: Mask): CallRecord {
  const masked: CallRecord = {
    ...record,
    agent: maskText(record.agent, mask),
    team: record.team.toWellFormed(),
    model: maskText(record.model, mask),
    path: maskText(record.path, mask),
    tags: record.tags.map((tag) => maskText(tag, mask)),
    attempts: record.attempts.map((attempt) => ({ ...attempt, model: maskText(attempt.model, mask) })),
  }
  for (const name of ['requestedModel', 'session', 'user', 'trace', 'error'] as const) {
    const text = record[name]
    if (text !== undefined) masked[name] = maskText(text, mask)
  }
  return masked
}

const maskedParameters = (parameters: Report['parameters'], mask: Mask): Report['parameters'] =>
  Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => [
      name,
      typeof value === 'string' ? maskText(value, mask) : value,
    ]),
  )
