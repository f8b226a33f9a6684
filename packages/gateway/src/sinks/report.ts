import { LRUCache } from 'lru-cache'
import type { Call } from '../core/call.ts'
import type { Json } from '../core/json.ts'
import type { Capture } from '../core/policy.ts'
import type { CallRecord } from '../core/record.ts'
import type { Ending } from '../core/recording.ts'
import { callHook } from '../util/faults.ts'
import { type Mask, maskJson, maskPersonal, maskSecrets, maskText } from '../util/redact.ts'
import { contentOf, parametersOf } from './content.ts'
import type { Content, Report } from './sink.ts'

/** Approximate memory of a record without its texts. */
const RECORD_BYTES = 1_000

export type ReportSource = {
  record: CallRecord
  /** Absent for pass-through requests. */
  exchange?: { call: Call; ending: Ending }
}

/** A report and its approximate memory in bytes. */
export type Rendered = { report: Report; bytes: number }

/**
 * Builds and masks a report. It keeps references neither to the call nor to the answer. Content above `maxBytes` is
 * replaced by a note.
 */
export function render(
  { record, exchange }: ReportSource,
  { capture, own, maxBytes }: { capture: Capture; own: Mask | undefined; maxBytes: number },
): Rendered {
  const mask = failSafe(masksOf(capture, own))
  const report: Report = {
    record: maskedRecord(record, mask, own === undefined ? maskName(capture) : mask),
    parameters: exchange === undefined ? {} : maskedParameters(parametersOf(exchange.call), mask),
  }
  const bytes = RECORD_BYTES + sizeOf(report as unknown as Json)
  if (exchange === undefined || capture === 'off') return { report, bytes }
  const answered = exchange.ending.type === 'complete' ? exchange.ending.answer : undefined
  const content = contentOf(exchange.call.operation, exchange.call.body, answered?.()?.json)
  const masked = Object.fromEntries(
    Object.entries(content).map(([name, json]) => [name, maskJson(json as Json, mask)]),
  ) as Content
  const size = sizeOf(masked)
  report.content = size > maxBytes ? { input: `<left out: ${size} bytes>` } : masked
  return { report, bytes: bytes + (size > maxBytes ? 0 : size) }
}

/** Estimates memory: two bytes per character, plus an overhead per value. Masked JSON has at most 64 levels. */
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

/** Names of agents, models and paths as masked, each after the masks applied: they recur with every call. */
const maskedNames = new LRUCache<string, string>({ max: 500 })
/** Longer ones are no usual names. */
const MAX_NAME_CHARS = 100

/** Returns the built-in masks of a capture for names, which take longer to mask than to find. */
function maskName(capture: Capture): Mask {
  const mask = masksOf(capture, undefined)
  return (name) => {
    if (name.length > MAX_NAME_CHARS) return mask(name)
    const key = `${capture} ${name}`
    const known = maskedNames.get(key) ?? mask(name)
    maskedNames.set(key, known)
    return known
  }
}

/** If the mask throws or returns no string, the text is replaced. */
function failSafe(mask: Mask): Mask {
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
 * Masks the fields that callers write freely, including agent and model names. Keeps ids and the gateway's own words.
 * Removes lone surrogates, which receivers reject.
 */
function maskedRecord(record: CallRecord, mask: Mask, nameMask: Mask): CallRecord {
  const masked: CallRecord = {
    ...record,
    agent: maskText(record.agent, nameMask),
    team: record.team.toWellFormed(),
    model: maskText(record.model, nameMask),
    path: maskText(record.path, nameMask),
    tags: record.tags.map((tag) => maskText(tag, mask)),
    attempts: record.attempts.map((attempt) => ({ ...attempt, model: maskText(attempt.model, nameMask) })),
  }
  if (record.requestedModel !== undefined) masked.requestedModel = maskText(record.requestedModel, nameMask)
  for (const name of ['session', 'user', 'trace', 'error'] as const) {
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
