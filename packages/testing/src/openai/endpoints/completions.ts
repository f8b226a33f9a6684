import {
  type RenderContext,
  type RenderedAnswer,
  type ResolvedAnswer,
  resolveScript,
} from '../../core/answer.ts'
import { type Json, type JsonObject, list, number, object, text } from '../../core/json.ts'
import type { Tokenizer } from '../../core/tokens.ts'
import { seededId, seededText, seededTimestamp, seedOf } from '../model/deterministic.ts'
import { splitWords } from '../model/generate.ts'
import { logprobsOf } from '../model/logprobs.ts'
import { positiveNumber } from '../model/prompt.ts'
import { chatUsage, countUsage } from '../model/usage.ts'

/** One completion. `answer`: without the echoed prompt, for counting tokens. */
type CompletionText = { text: string; finishReason: string; answer: ResolvedAnswer }

/** Renders the answer to POST /v1/completions, the legacy API: `n` continuations of each prompt. */
export function renderCompletions(
  body: JsonObject,
  { tokens, scripted, answeringModel }: RenderContext,
): RenderedAnswer {
  const prompts = inputsOf(body.prompt)
  const seed = seedOf(`${text(body.model)}${JSON.stringify(prompts)}`)
  const n = number(body.n) ?? 1
  const completions = prompts.flatMap((prompt, which) =>
    Array.from({ length: n }, (_, at) => {
      const script = scripted && resolveScript(scripted)?.text
      const { text: generated, finishReason } = truncate(
        script ?? ` ${seededText(`${seed}${which}/${at}`)}`,
        body.max_tokens,
        tokens,
        script !== undefined,
      )
      return {
        text: body.echo === true && typeof prompt === 'string' ? prompt + generated : generated,
        finishReason: scripted?.finishReason ?? finishReason,
        answer: { text: generated, ...(scripted?.usage ? { usage: scripted.usage } : {}) },
      }
    }),
  )
  const input = prompts.reduce<number>((sum, prompt) => sum + inputTokens(prompt, tokens), 0)
  const transcript = prompts.filter((prompt) => typeof prompt === 'string').join(' ')
  const charged = chatUsage(
    countUsage(
      completions.map(({ answer }) => answer),
      input,
      { transcript, reasoning: 0 },
      tokens,
    ),
  )
  const usage: JsonObject = {
    prompt_tokens: charged.prompt_tokens ?? 0,
    completion_tokens: charged.completion_tokens ?? 0,
    total_tokens: charged.total_tokens ?? 0,
  }
  const envelope = {
    id: seededId('cmpl-', seed),
    object: 'text_completion',
    created: seededTimestamp(seed),
    model: answeringModel,
    system_fingerprint: seededId('fp_', text(body.model)).slice(0, 13),
  }
  const top = number(body.logprobs)
  const choices = completions.map(({ text, finishReason }, index) =>
    choiceObject(text, index, finishReason, top),
  )
  return {
    whole: { ...envelope, choices, usage },
    chunks: () => chunks(body, envelope, completions, usage, top),
  }
}

/** Returns the inputs of a request: a text or a list of tokens is one input, a list of either is several. */
export function inputsOf(input: Json | undefined): Json[] {
  const given = list(input)
  return given.length > 0 && given.some((item) => typeof item !== 'number') ? given : [input ?? '']
}

/** Counts the tokens of a text or a list of tokens. */
export const inputTokens = (input: Json, { count }: Tokenizer) =>
  typeof input === 'string' ? count(input) : list(input).length

function truncate(given: string, maxTokens: Json | undefined, tokens: Tokenizer, scripted: boolean) {
  const limit = positiveNumber(maxTokens)
  return scripted || limit === undefined || tokens.count(given) <= limit
    ? { text: given, finishReason: 'stop' }
    : { text: tokens.truncate(given, limit), finishReason: 'length' }
}

function choiceObject(
  text: string,
  index: number,
  finishReason: string | null,
  top: number | undefined,
): JsonObject {
  return {
    text,
    index,
    logprobs: top === undefined ? null : legacyLogprobs(text, top),
    finish_reason: finishReason,
  }
}

function legacyLogprobs(content: string, top: number): JsonObject {
  const tokens = splitWords(content)
  const logprobs = logprobsOf(tokens, top)
  let offset = 0
  const text_offset = tokens.map((token) => {
    offset += token.length
    return offset - token.length
  })
  const topLogprobs = (entry: JsonObject) =>
    Object.fromEntries(
      list(entry.top_logprobs)
        .map(object)
        .map(({ token, logprob }) => [text(token), logprob ?? 0]),
    )
  const token_logprobs = logprobs.map(({ logprob }) => logprob ?? 0)
  return { tokens, token_logprobs, top_logprobs: logprobs.map(topLogprobs), text_offset }
}

function chunks(
  body: JsonObject,
  envelope: JsonObject,
  completions: CompletionText[],
  usage: JsonObject,
  top: number | undefined,
): string[] {
  const withUsage = object(body.stream_options).include_usage === true
  const chunk = (choices: JsonObject[], extra: JsonObject = withUsage ? { usage: null } : {}) =>
    `data: ${JSON.stringify({ ...envelope, choices, ...extra })}\n\n`
  return [
    ...completions.flatMap(({ text, finishReason }, index) => [
      ...splitWords(text).map((piece) => chunk([choiceObject(piece, index, null, top)])),
      chunk([choiceObject('', index, finishReason, undefined)]),
    ]),
    ...(withUsage ? [chunk([], { usage })] : []),
    'data: [DONE]\n\n',
  ]
}
