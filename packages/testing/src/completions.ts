import type { Rendered } from './chat.ts'
import { createdAt, idOf, prose } from './deterministic.ts'
import { type JsonObject, list, object, text } from './json.ts'
import { type Answer, pieces } from './model.ts'
import { type Counter, chatUsage, tally } from './usage.ts'

/** POST /v1/completions, the legacy API. */
export function completions(body: JsonObject, scripted: Answer | undefined, count: Counter): Rendered {
  const model = text(body.model)
  const prompts =
    typeof body.prompt === 'string'
      ? [body.prompt]
      : list(body.prompt).map((prompt) => JSON.stringify(prompt))
  const n = typeof body.n === 'number' ? body.n : 1
  const answers = prompts.flatMap((prompt) =>
    Array.from({ length: n }, (_, at) => scripted ?? { text: ` ${prose(`${model}${prompt}${at}`)}` }),
  )
  const seed = model + prompts.join()
  const input = prompts.reduce((sum, prompt) => sum + count(prompt), 0)
  const { completion_tokens, prompt_tokens, total_tokens } = chatUsage(
    tally(answers, input, model, seed, count),
  )
  const usage = { prompt_tokens, completion_tokens, total_tokens } as JsonObject
  const envelope = { id: idOf('cmpl-', seed), object: 'text_completion', created: createdAt(seed), model }
  const choice = (index: number, written: string, finish: string | null) => ({
    text: written,
    index,
    logprobs: null,
    finish_reason: finish,
  })
  const finish = (answer: Answer) => answer.finishReason ?? 'stop'
  const withUsage = object(body.stream_options).include_usage === true
  const chunk = (choices: JsonObject[], extra: JsonObject = withUsage ? { usage: null } : {}) =>
    `data: ${JSON.stringify({ ...envelope, choices, ...extra })}\n\n`
  return {
    whole: {
      ...envelope,
      choices: answers.map((answer, index) => choice(index, answer.text ?? '', finish(answer))),
      usage,
    },
    chunks: () => [
      ...answers.flatMap((answer, index) => [
        ...pieces(answer.text ?? '').map((piece) => chunk([choice(index, piece, null)])),
        chunk([choice(index, '', finish(answer))]),
      ]),
      ...(withUsage ? [chunk([], { usage })] : []),
      'data: [DONE]\n\n',
    ],
  }
}
