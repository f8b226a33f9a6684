import type { Answer, Said } from '../../core/answer.ts'
import type { JsonObject } from '../../core/json.ts'
import { number } from '../../core/json.ts'
import type { Tokenizer } from '../../core/tokens.ts'
import { createdAt, idOf } from '../model/deterministic.ts'
import { pieces, say } from '../model/generate.ts'
import { logprobsOf } from '../model/logprobs.ts'
import { chatPrompt } from '../model/prompt.ts'
import { chatUsage, countMessages, tally } from '../model/usage.ts'
import { chatChunks } from './chat-chunks.ts'

/** What an answer needs to know besides the request. */
export type Voice = {
  tokens: Tokenizer
  scripted: Answer | undefined
  /** The model that says it answered. */
  answering: string
}

/** A whole answer, and the chunks of the same answer. */
export type Rendered = { whole: JsonObject; chunks: () => string[] }

/** One of an answer's `n` choices. */
export type Choice = { said: Said; finishReason: string; calls: JsonObject[]; legacy: boolean }

/** POST /v1/chat/completions */
export function chat(body: JsonObject, { tokens, scripted, answering }: Voice): Rendered {
  const prompt = chatPrompt(body)
  const n = number(body.n) ?? 1
  const legacy = body.functions !== undefined && body.tools === undefined
  const choices = Array.from({ length: n }, (_, at) =>
    choiceOf(say(prompt, scripted, at, tokens), `${prompt.seed}${at}`, legacy),
  )
  const input = countMessages(body.messages, body.tools ?? body.functions, tokens)
  const said = choices.map((choice) => choice.said)
  const usage = chatUsage(tally(said, input, prompt, tokens))
  const envelope = {
    id: idOf('chatcmpl-', prompt.seed),
    created: createdAt(prompt.seed),
    model: answering,
    service_tier: 'default',
    system_fingerprint: idOf('fp_', prompt.model).slice(0, 13),
  }
  const top = body.logprobs === true ? (number(body.top_logprobs) ?? 0) : undefined
  const whole = {
    ...envelope,
    object: 'chat.completion',
    choices: choices.map((choice, index) => ({
      index,
      message: messageOf(choice),
      logprobs: logprobs(choice.said, top),
      finish_reason: choice.finishReason,
    })),
    usage,
  }
  return { whole, chunks: () => chatChunks(body, envelope, choices, usage, top) }
}

function choiceOf(said: Said, seed: string, legacy: boolean): Choice {
  const calls = (said.toolCalls ?? []).map(({ name, arguments: given, custom }, at) => {
    const id = idOf('call_', `${seed}/${at}`)
    return custom
      ? { id, type: 'custom', custom: { name, input: given } }
      : { id, type: 'function', function: { name, arguments: given } }
  })
  const called = calls.length === 0 ? 'stop' : legacy ? 'function_call' : 'tool_calls'
  return { said, finishReason: said.finishReason ?? called, calls, legacy }
}

function messageOf({ said, calls, legacy }: Choice): JsonObject {
  const message: JsonObject = {
    role: 'assistant',
    content: said.text ?? null,
    refusal: said.refusal ?? null,
    annotations: [],
  }
  if (calls.length === 0) return message
  return legacy
    ? { ...message, function_call: calls[0]?.function ?? null }
    : { ...message, tool_calls: calls }
}

function logprobs({ text, refusal }: Said, top: number | undefined): JsonObject | null {
  if (top === undefined) return null
  const of = (said: string | undefined) => (said === undefined ? null : logprobsOf(pieces(said), top))
  return { content: of(text), refusal: of(refusal) }
}
