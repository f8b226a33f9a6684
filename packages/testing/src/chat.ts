import { createdAt, idOf } from './deterministic.ts'
import { type Json, type JsonObject, object } from './json.ts'
import { type Answer, chatPrompt, pieces, think } from './model.ts'
import { type Counter, chatUsage, countMessages, tally } from './usage.ts'

/** A whole answer, and the chunks of the same answer. */
export type Rendered = { whole: JsonObject; chunks: () => string[] }

/** POST /v1/chat/completions */
export function chat(body: JsonObject, scripted: Answer | undefined, count: Counter): Rendered {
  const prompt = chatPrompt(body)
  const n = typeof body.n === 'number' ? body.n : 1
  const answers = Array.from({ length: n }, (_, choice) => scripted ?? think(prompt, choice))
  const seed = `${prompt.model}${prompt.all}`
  const input = countMessages(body.messages, body.tools, count)
  const usage = chatUsage(tally(answers, input, prompt.model, prompt.all, count))
  const envelope = {
    id: idOf('chatcmpl-', seed),
    created: createdAt(seed),
    model: prompt.model,
    service_tier: 'default',
    system_fingerprint: idOf('fp_', prompt.model).slice(0, 13),
  }
  const top = body.logprobs === true ? Number(body.top_logprobs ?? 0) : undefined
  const whole = {
    ...envelope,
    object: 'chat.completion',
    choices: answers.map((answer, index) => ({
      index,
      message: message(answer, seed, index),
      logprobs: top === undefined ? null : logprobs(pieces(answer.text ?? ''), top),
      finish_reason: finishReason(answer),
    })),
    usage,
  }
  return { whole, chunks: () => chunks(body, envelope, answers, usage, seed, top) }
}

const finishReason = (answer: Answer) =>
  answer.finishReason ?? (answer.toolCalls?.length ? 'tool_calls' : 'stop')

function message(answer: Answer, seed: string, choice: number): JsonObject {
  const said: JsonObject = {
    role: 'assistant',
    content: answer.text ?? null,
    refusal: answer.refusal ?? null,
    annotations: [],
  }
  const calls = toolCalls(answer, seed, choice)
  return calls.length === 0 ? said : { ...said, tool_calls: calls }
}

function toolCalls({ toolCalls = [] }: Answer, seed: string, choice: number): JsonObject[] {
  return toolCalls.map(({ name, arguments: given, custom }, at) => {
    const id = idOf('call_', `${seed}${choice}/${at}`)
    return custom
      ? { id, type: 'custom', custom: { name, input: given } }
      : { id, type: 'function', function: { name, arguments: given } }
  })
}

function logprobs(tokens: string[], top: number): JsonObject {
  const content = tokens.map((token) => {
    const entry = { token, logprob: -0.01 * ((token.length % 9) + 1), bytes: [...Buffer.from(token)] }
    const others = Array.from({ length: top }, (_, rank) => ({ ...entry, logprob: entry.logprob - rank }))
    return { ...entry, top_logprobs: others }
  })
  return { content, refusal: null }
}

function chunks(
  body: JsonObject,
  envelope: JsonObject,
  answers: Answer[],
  usage: JsonObject,
  seed: string,
  top: number | undefined,
): string[] {
  const options = object(body.stream_options)
  const padding = options.include_obfuscation === true ? { obfuscation: 'x9Kq' } : {}
  const rest = { ...padding, ...(options.include_usage === true ? { usage: null } : {}) }
  const chunk = (choices: Json[], extra: JsonObject = rest) =>
    `data: ${JSON.stringify({ ...envelope, object: 'chat.completion.chunk', choices, ...extra })}\n\n`

  const frames = answers.map((answer, index) => {
    const choice = (delta: JsonObject, finish: string | null = null, tokens?: string[]) =>
      chunk([
        {
          index,
          delta,
          logprobs: top !== undefined && tokens ? logprobs(tokens, top) : null,
          finish_reason: finish,
        },
      ])
    return [
      choice({ role: 'assistant', content: answer.text === undefined ? null : '', refusal: null }),
      ...pieces(answer.text ?? '').map((content) => choice({ content }, null, [content])),
      ...pieces(answer.refusal ?? '').map((refusal) => choice({ refusal })),
      ...toolCalls(answer, seed, index).flatMap((call, at) =>
        toolDeltas(call, at).map((delta) => choice(delta)),
      ),
      choice({}, finishReason(answer)),
    ]
  })
  const usageChunk = options.include_usage === true ? [chunk([], { ...padding, usage })] : []
  return [...interleaved(frames), ...usageChunk, 'data: [DONE]\n\n']
}

/** The call with empty arguments, then the arguments in pieces of ten characters. */
function toolDeltas(call: JsonObject, index: number): JsonObject[] {
  const [kind, field] =
    'custom' in call ? (['custom', 'input'] as const) : (['function', 'arguments'] as const)
  const inner = object(call[kind])
  const parts = String(inner[field]).match(/[\s\S]{1,10}/g) ?? []
  const opening = { index, ...call, [kind]: { ...inner, [field]: '' } }
  return [opening, ...parts.map((part) => ({ index, [kind]: { [field]: part } }))].map((call) => ({
    tool_calls: [call],
  }))
}

/** Choices are written side by side: one chunk of each in turn. */
function interleaved(lists: string[][]): string[] {
  const longest = Math.max(...lists.map((frames) => frames.length))
  return Array.from({ length: longest }, (_, at) =>
    lists.flatMap((frames) => frames.slice(at, at + 1)),
  ).flat()
}
