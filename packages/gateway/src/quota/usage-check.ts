import type { Call } from '../core/call.ts'
import { isSet, type Json, type JsonObject, list, object, text } from '../core/json.ts'
import type { Ending } from '../core/recording.ts'
import { OPERATIONS } from '../operations/operations.ts'
import { audioIn } from './worst-case.ts'

/** Length of the longest token of OpenAI's vocabularies, in bytes. */
const LONGEST_TOKEN = 128
/** A word is at least one token. The tolerance of 4 words per token allows for servers with other tokenizers. */
const WORDS_PER_TOKEN = 4

/** Bytes of an answer for one token: a token with 20 alternatives, or a tenth of a second of uncompressed sound, has fewer. */
const MOST_BYTES = 16 * 1024
const ENDED = new Set(['completed', 'failed', 'incomplete', 'cancelled'])

/**
 * Returns whether an answer contradicts its usage: it has more text than the counted tokens can hold, or the call used
 * audio and the usage does not list audio tokens, which cost more than text, or the call still runs in the background. Of an
 * answer that was too long to be kept, or cannot be assembled, less is known.
 */
export function contradictsUsage(ending: Ending, call: Call): boolean {
  if (OPERATIONS[call.operation].output === 'vectors' || ending.type !== 'complete') return false
  const answer = ending.answer()?.json
  if (runsOn(call, answer)) return true
  const { usage } = ending.usage
  // The question is repeated before the answer.
  const counted = call.body.echo === true ? usage.input + usage.output : usage.output
  if (answer !== undefined) return isMore(writtenIn(call, answer), counted) || hidesSound(answer, call)
  const sound = audioIn(call, 1)
  if ((sound.input > 0 && usage.audioInput === 0) || (sound.output && usage.audioOutput === 0)) return true
  if ((ending.bytes ?? 0) > MOST_BYTES * (counted + 1)) return true
  // A stream's sound is text, too.
  return !sound.output && isMore(ending.written?.() ?? [], counted)
}

const runsOn = ({ body: { background } }: Call, answer: JsonObject | undefined) =>
  isSet(background) && background !== false && !ENDED.has(text(answer?.status))

function isMore(written: string[], tokens: number): boolean {
  let length = 0
  for (const piece of written) length += piece.length
  // A UTF-16 unit has at most three bytes in UTF-8, and a word at least two units with its space.
  if (length * 3 <= tokens * LONGEST_TOKEN && length / 2 + written.length <= tokens * WORDS_PER_TOKEN)
    return false
  const bytes = written.reduce((sum, piece) => sum + Buffer.byteLength(piece), 0)
  if (bytes > tokens * LONGEST_TOKEN) return true
  let room = tokens * WORDS_PER_TOKEN
  for (const piece of written) {
    for (const _ of piece.matchAll(/\S+/g)) {
      room -= 1
      if (room < 0) return true
    }
  }
  return false
}

/** Returns the texts that the model has written, without parts from other sources such as tool results and citations. */
function writtenIn({ operation }: Call, answer: JsonObject): string[] {
  if (OPERATIONS[operation].output === 'items')
    return list(answer.output).flatMap((item) => ofItem(object(item)))
  const written: string[] = []
  const add = (piece: Json | undefined) => {
    if (typeof piece === 'string' && piece !== '') written.push(piece)
  }
  for (const choice of list(answer.choices)) {
    const { message, text: said } = object(choice)
    const { content, refusal, reasoning, reasoning_content, audio, tool_calls, function_call } =
      object(message)
    const thought = [reasoning, reasoning_content]
    const spoken = [object(audio).transcript, object(function_call).arguments]
    for (const piece of [said, content, refusal, ...thought, ...spoken]) add(piece)
    for (const part of list(content)) add(object(part).text)
    for (const call of list(tool_calls)) {
      add(object(object(call).function).arguments)
      add(object(object(call).custom).input)
    }
  }
  return written
}

function ofItem({ type, content, summary, arguments: given, input }: JsonObject): string[] {
  if (type === 'function_call' || type === 'custom_tool_call') return [text(given), text(input)]
  if (type !== 'message' && type !== 'reasoning') return []
  const parts = [...list(content), ...list(summary)]
  return parts.flatMap((part) => [text(object(part).text), text(object(part).refusal)])
}

function hidesSound(answer: JsonObject, call: Call): boolean {
  const sound = audioIn(call, 1)
  const usage = object(answer.usage)
  const tells = (details: Json | undefined) => isSet(object(details).audio_tokens)
  if (sound.input > 0 && !tells(usage.prompt_tokens_details ?? usage.input_tokens_details)) return true
  return sound.output && !tells(usage.completion_tokens_details ?? usage.output_tokens_details)
}
