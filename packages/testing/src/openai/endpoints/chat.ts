import type { Choice, RenderContext, RenderedAnswer, ResolvedAnswer } from '../../core/answer.ts'
import { type JsonObject, number } from '../../core/json.ts'
import { seededId, seededTimestamp } from '../model/deterministic.ts'
import { resolveAnswer, splitWords } from '../model/generate.ts'
import { logprobsOf } from '../model/logprobs.ts'
import { chatPrompt } from '../model/prompt.ts'
import { chatUsage, countMessages, countUsage } from '../model/usage.ts'
import { chatChunks } from './chat-chunks.ts'

/** Renders the answer to POST /v1/chat/completions. */
export function renderChat(
  body: JsonObject,
  { tokens, scripted, answeringModel }: RenderContext,
): RenderedAnswer {
  const prompt = chatPrompt(body)
  const n = number(body.n) ?? 1
  const legacy = body.functions !== undefined && body.tools === undefined
  const choices = Array.from({ length: n }, (_, at) =>
    createChoice(resolveAnswer(prompt, scripted, at, tokens), `${prompt.seed}${at}`, legacy),
  )
  const input = countMessages(body.messages, body.tools ?? body.functions, tokens)
  const answers = choices.map(({ answer }) => answer)
  const usage = chatUsage(countUsage(answers, input, prompt, tokens))
  const envelope = {
    id: seededId('chatcmpl-', prompt.seed),
    created: seededTimestamp(prompt.seed),
    model: answeringModel,
    service_tier: 'default',
    system_fingerprint: seededId('fp_', prompt.model).slice(0, 13),
  }
  const top = body.logprobs === true ? (number(body.top_logprobs) ?? 0) : undefined
  const whole = {
    ...envelope,
    object: 'chat.completion',
    choices: choices.map((choice, index) => ({
      index,
      message: messageOf(choice),
      logprobs: choiceLogprobs(choice.answer, top),
      finish_reason: choice.finishReason,
    })),
    usage,
  }
  return { whole, chunks: () => chatChunks(body, envelope, choices, usage, top) }
}

function createChoice(answer: ResolvedAnswer, seed: string, legacy: boolean): Choice {
  const calls = (answer.toolCalls ?? []).map(({ name, arguments: given, custom }, at) => {
    const id = seededId('call_', `${seed}/${at}`)
    return custom
      ? { id, type: 'custom', custom: { name, input: given } }
      : { id, type: 'function', function: { name, arguments: given } }
  })
  const reason = calls.length === 0 ? 'stop' : legacy ? 'function_call' : 'tool_calls'
  return { answer, finishReason: answer.finishReason ?? reason, calls, legacy }
}

function messageOf({ answer, calls, legacy }: Choice): JsonObject {
  const message: JsonObject = {
    role: 'assistant',
    content: answer.text ?? null,
    refusal: answer.refusal ?? null,
    annotations: [],
  }
  if (calls.length === 0) return message
  return legacy
    ? { ...message, function_call: calls[0]?.function ?? null }
    : { ...message, tool_calls: calls }
}

function choiceLogprobs({ text, refusal }: ResolvedAnswer, top: number | undefined): JsonObject | null {
  if (top === undefined) return null
  const of = (given: string | undefined) => (given === undefined ? null : logprobsOf(splitWords(given), top))
  return { content: of(text), refusal: of(refusal) }
}
