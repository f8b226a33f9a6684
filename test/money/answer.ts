import type { Work } from './prices.ts'
import type { Body } from './work.ts'

/** What upstream says of its own usage. */
export const TELLINGS = [
  'true',
  'none',
  'null',
  'negative',
  'words',
  'half',
  'small',
  'sum',
  'parts',
  'zero',
] as const
export type Telling = (typeof TELLINGS)[number]

const WORDS =
  'the order left on tuesday and should arrive before friday unless it rains all week long in the north'
const spoken = ({ output, hidden }: Work) =>
  WORDS.split(' ')
    .slice(0, Math.max(0, output - hidden))
    .join(' ')

function usage(
  { input, output, hidden, audioInput, audioOutput }: Work,
  telling: Telling,
  names: string[],
): Body {
  if (telling === 'none') return {}
  if (telling === 'null') return { usage: null }
  const [asked = '', written = ''] = names
  const told: Body = {
    [asked]: input,
    [written]: output,
    total_tokens: input + output,
    [`${asked}_details`]: { cached_tokens: 0, audio_tokens: audioInput },
    [`${written}_details`]: { reasoning_tokens: hidden, audio_tokens: audioOutput },
  }
  if (telling === 'negative') told[written] = -output
  if (telling === 'words') told[written] = String(output)
  if (telling === 'half') delete told[written]
  // A false count is detectable only where the written text contradicts it.
  const shown = Math.min(WORDS.split(' ').length, output - hidden)
  if (telling === 'small' && shown > 4)
    Object.assign(told, { [written]: 1, total_tokens: input + 1, [`${written}_details`]: {} })
  if (telling === 'sum') Object.assign(told, { [written]: 1, [`${written}_details`]: {} })
  if (telling === 'parts') told[written] = Math.max(0, hidden - 1)
  if (telling === 'zero') Object.assign(told, { [asked]: 0, [written]: 0, total_tokens: 0 })
  return { usage: told }
}

const CHAT = ['prompt_tokens', 'completion_tokens']
const RESPONSES = ['input_tokens', 'output_tokens']
const frame = (data: unknown) => `data: ${JSON.stringify(data)}\n\n`

/** The body of an answer, whole or as a stream. */
export function render(path: string, body: Body, work: Work, telling: Telling): string {
  const envelope = { id: 'x-1', created: 1, model: work.model, service_tier: work.tier }
  if (path.endsWith('/embeddings')) {
    const { input } = work
    const told = telling === 'true' ? { usage: { prompt_tokens: input, total_tokens: input } } : {}
    return JSON.stringify({
      object: 'list',
      data: [{ object: 'embedding', index: 0, embedding: [0.1] }],
      ...told,
    })
  }
  if (path.endsWith('/responses')) return response(body, work, telling)
  const legacy = !path.endsWith('/chat/completions')
  const tier = legacy ? { id: 'x-1', created: 1, model: work.model } : envelope
  const text = spoken(work)
  const choice = (at: number, part: Body, finish_reason: string | null) => ({
    index: at,
    ...part,
    finish_reason,
  })
  const choices = Array.from({ length: Math.max(1, Number(body.n ?? 1)) }, (_, at) => at)
  const said = legacy ? { text } : { message: { role: 'assistant', content: text, refusal: null } }
  if (body.stream !== true)
    return JSON.stringify({
      ...tier,
      object: legacy ? 'text_completion' : 'chat.completion',
      choices: choices.map((at) => choice(at, said, 'stop')),
      ...usage(work, telling, CHAT),
    })
  const asked = (body.stream_options as { include_usage?: boolean } | undefined)?.include_usage === true
  const object = legacy ? 'text_completion' : 'chat.completion.chunk'
  const chunk = (choices: unknown[], more: Body = {}) => frame({ ...tier, object, choices, ...more })
  const pieces = text.match(/\s*\S+/g) ?? []
  const delta = (content: string) => (legacy ? { text: content } : { delta: { content } })
  return [
    ...pieces.flatMap((piece) => choices.map((at) => chunk([choice(at, delta(piece), null)]))),
    chunk(choices.map((at) => choice(at, delta(''), 'stop'))),
    ...(asked ? [chunk([], usage(work, telling, CHAT))] : []),
    'data: [DONE]\n\n',
  ].join('')
}

function response(body: Body, work: Work, telling: Telling): string {
  const text = spoken(work)
  const items = work.calls.map((type, at) => ({
    type: type === 'mcp' ? 'mcp_call' : `${type.replace('_preview', '')}_call`,
    id: `c_${at}`,
  }))
  const content = [{ type: 'output_text', text, annotations: [], logprobs: [] }]
  const message = { id: 'msg_1', type: 'message', role: 'assistant', status: 'completed', content }
  const whole: Body = {
    id: 'resp_1',
    object: 'response',
    created_at: 1,
    status: 'completed',
    model: work.model,
    service_tier: work.tier,
    error: null,
    output: [...items, message],
    ...usage(work, telling, RESPONSES),
  }
  const begun = { ...whole, status: 'in_progress', output: [], usage: null }
  if (body.stream !== true)
    return JSON.stringify(body.background === true ? { ...begun, status: 'queued', background: true } : whole)
  const at = { item_id: 'msg_1', output_index: items.length, content_index: 0 }
  const events: Body[] = [
    { type: 'response.created', response: begun },
    { type: 'response.output_item.added', output_index: items.length, item: { ...message, content: [] } },
    { type: 'response.content_part.added', ...at, part: { ...content[0], text: '' } },
    ...(text.match(/\s*\S+/g) ?? []).map((delta) => ({
      type: 'response.output_text.delta',
      ...at,
      delta,
      logprobs: [],
    })),
    { type: 'response.output_item.done', output_index: items.length, item: message },
    { type: 'response.completed', response: whole },
  ]
  return events
    .map((event, sequence_number) => `event: ${event.type}\n${frame({ ...event, sequence_number })}`)
    .join('')
}
