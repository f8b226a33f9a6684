import type { CallRecord } from '../account/record.ts'
import type { Ending } from '../body/recording.ts'
import type { Call, Json } from '../call.ts'
import { type Mask, maskJson, maskPersonal, maskSecrets, maskText } from '../mask.ts'
import type { Capture } from '../policy/policy.ts'
import { contentOf, parametersOf } from './content.ts'
import type { Pending } from './outbox.ts'
import type { Content, Report } from './sink.ts'

/** About what a record takes. */
const RECORD_BYTES = 1_000

export type Told = {
  record: CallRecord
  /** Absent for requests that passed straight through. */
  said?: { call: Call; ending: Ending }
}

/** A report to be made when it is first delivered, and then once for all sinks. */
export function pendingReport({ record, said }: Told, capture: Capture, own: Mask | undefined): Pending {
  let made: Report | undefined
  const answered = said?.ending.type === 'complete' ? said.ending.answer : undefined
  return {
    // Texts take two bytes a character at worst; an answer is about as long as what it was made of.
    bytes: RECORD_BYTES + (capture === 'off' || said === undefined ? 0 : said.call.outgoing.text.length * 2),
    report() {
      if (made !== undefined) return made
      const mask = guarded(masksOf(capture, own))
      made = {
        record: maskedRecord(record, mask),
        parameters: said === undefined ? {} : parametersOf(said.call),
      }
      if (said === undefined || capture === 'off') return made
      const content = contentOf(said.call.operation, said.call.body, answered?.()?.json)
      made.content = Object.fromEntries(
        Object.entries(content).map(([name, json]) => [name, maskJson(json as Json, mask)]),
      ) as Content
      return made
    },
  }
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
    try {
      const masked: unknown = mask(text)
      return typeof masked === 'string' ? masked : '<the mask gave no text>'
    } catch {
      return '<the mask failed>'
    }
  }
}

/** What callers wrote into a record freely. Ids, agents, teams and models are the policy's, or ours. */
function maskedRecord(record: CallRecord, mask: Mask): CallRecord {
  const masked = { ...record, tags: record.tags.map((tag) => maskText(tag, mask)) }
  if (record.session !== undefined) masked.session = maskText(record.session, mask)
  if (record.user !== undefined) masked.user = maskText(record.user, mask)
  if (record.trace !== undefined) masked.trace = maskText(record.trace, mask)
  if (record.error !== undefined) masked.error = maskText(record.error, mask)
  return masked
}
