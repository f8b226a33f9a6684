import { type Said, wordsOf } from '../../core/answer.ts'
import { type Json, type JsonObject, list, number, object, text } from '../../core/json.ts'
import type { Tokenizer } from '../../core/tokens.ts'
import { createdAt, idOf, prose, seedOf } from '../model/deterministic.ts'
import { pieces } from '../model/generate.ts'
import { logprobsOf } from '../model/logprobs.ts'
import { positive } from '../model/prompt.ts'
import { chatUsage, tally } from '../model/usage.ts'
import type { Rendered, Voice } from './chat.ts'

type Written = { text: string; finish: string; said: Said }

/** POST /v1/completions, the legacy API: a text is continued, `n` times for each prompt. */
export function completions(body: JsonObject, { tokens, scripted, answering }: Voice): Rendered {
  const prompts = promptsOf(body.prompt)
  const seed = seedOf(`${text(body.model)}${JSON.stringify(prompts)}`)
  const n = number(body.n) ?? 1
  const written = prompts.flatMap((prompt, which) =>
    Array.from({ length: n }, (_, at) => {
      const words = scripted && wordsOf(scripted)?.text
      const { text: said, finish } = limited(
        words ?? ` ${prose(`${seed}${which}/${at}`)}`,
        body.max_tokens,
        tokens,
        words !== undefined,
      )
      return {
        text: body.echo === true && typeof prompt === 'string' ? prompt + said : said,
        finish: scripted?.finishReason ?? finish,
        said: { text: said, ...(scripted?.usage ? { usage: scripted.usage } : {}) },
      }
    }),
  )
  const input = prompts.reduce<number>((sum, prompt) => sum + sizeOf(prompt, tokens), 0)
  const all = prompts.filter((prompt) => typeof prompt === 'string').join(' ')
  const charged = chatUsage(
    tally(
      written.map(({ said }) => said),
      input,
      { all, reasoning: 0 },
      tokens,
    ),
  )
  const usage: JsonObject = {
    prompt_tokens: charged.prompt_tokens ?? 0,
    completion_tokens: charged.completion_tokens ?? 0,
    total_tokens: charged.total_tokens ?? 0,
  }
  const envelope = {
    id: idOf('cmpl-', seed),
    object: 'text_completion',
    created: createdAt(seed),
    model: answering,
    system_fingerprint: idOf('fp_', text(body.model)).slice(0, 13),
  }
  const top = number(body.logprobs)
  const choices = written.map(({ text, finish }, index) => choice(text, index, finish, top))
  return { whole: { ...envelope, choices, usage }, chunks: () => chunks(body, envelope, written, usage, top) }
}

/** A text or a list of tokens is one prompt; a list of either is several. */
function promptsOf(prompt: Json | undefined): Json[] {
  const given = list(prompt)
  return given.length > 0 && given.some((item) => typeof item !== 'number') ? given : [prompt ?? '']
}

export const sizeOf = (input: Json, { count }: Tokenizer) =>
  typeof input === 'string' ? count(input) : list(input).length

function limited(said: string, maxTokens: Json | undefined, tokens: Tokenizer, scripted: boolean) {
  const limit = positive(maxTokens)
  return scripted || limit === undefined || tokens.count(said) <= limit
    ? { text: said, finish: 'stop' }
    : { text: tokens.cut(said, limit), finish: 'length' }
}

function choice(written: string, index: number, finish: string | null, top: number | undefined): JsonObject {
  return {
    text: written,
    index,
    logprobs: top === undefined ? null : legacyLogprobs(written, top),
    finish_reason: finish,
  }
}

function legacyLogprobs(written: string, top: number): JsonObject {
  const tokens = pieces(written)
  const sure = logprobsOf(tokens, top)
  let offset = 0
  const text_offset = tokens.map((token) => {
    offset += token.length
    return offset - token.length
  })
  const likeliest = (entry: JsonObject) =>
    Object.fromEntries(
      list(entry.top_logprobs)
        .map(object)
        .map(({ token, logprob }) => [text(token), logprob ?? 0]),
    )
  const token_logprobs = sure.map(({ logprob }) => logprob ?? 0)
  return { tokens, token_logprobs, top_logprobs: sure.map(likeliest), text_offset }
}

function chunks(
  body: JsonObject,
  envelope: JsonObject,
  written: Written[],
  usage: JsonObject,
  top: number | undefined,
): string[] {
  const withUsage = object(body.stream_options).include_usage === true
  const chunk = (choices: JsonObject[], extra: JsonObject = withUsage ? { usage: null } : {}) =>
    `data: ${JSON.stringify({ ...envelope, choices, ...extra })}\n\n`
  return [
    ...written.flatMap(({ text, finish }, index) => [
      ...pieces(text).map((piece) => chunk([choice(piece, index, null, top)])),
      chunk([choice('', index, finish, undefined)]),
    ]),
    ...(withUsage ? [chunk([], { usage })] : []),
    'data: [DONE]\n\n',
  ]
}
