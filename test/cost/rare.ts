import type { GatewayClient } from '@hotdash/llm-gateway'
import type { Answer } from '@hotdash/llm-gateway-testing'
import { price, shareOf, type Told } from './prices.ts'

/** Calls that are charged by more than the usual prices of their words. */
export const RARE = [
  'tiered',
  'tiered stream',
  'heard',
  'written',
  'completion',
  'told completion',
  'searched',
] as const
export type RareKind = (typeof RARE)[number]

/** `given`: the tier that answers. `told`: what upstream says of the tokens. */
export type Rare = { kind: RareKind; model: string; asked?: string; given?: string; told: Told }

const MODELS: Record<RareKind, readonly string[]> = {
  tiered: ['gpt-4o', 'gpt-4o-mini', 'gpt-5-nano'],
  'tiered stream': ['gpt-4o', 'gpt-4o-mini', 'gpt-5-nano'],
  heard: ['gpt-audio'],
  written: ['gpt-5.6'],
  completion: ['gpt-3.5-turbo-instruct'],
  'told completion': ['gpt-3.5-turbo-instruct'],
  searched: ['gpt-4o'],
}

export const isRare = (kind: string): kind is RareKind => (RARE as readonly string[]).includes(kind)

export function rareOf(kind: RareKind, random: () => number): Rare {
  const upTo = (most: number) => Math.floor(random() * (most + 1))
  const pick = <T>(list: readonly T[]): T => list[upTo(list.length - 1)] as T
  const model = pick(MODELS[kind])
  const cached = kind.includes('completion') || random() < 0.4 ? 0 : upTo(3_000)
  const [written, audioInput, audioOutput] = [
    kind === 'written' ? upTo(3_000) : 0,
    kind === 'heard' ? upTo(500) : 0,
    kind === 'heard' ? upTo(300) : 0,
  ]
  const told = {
    input: 1 + upTo(2_000) + cached + written + audioInput,
    output: 30 + upTo(1_000) + audioOutput,
    cached,
    written,
    audioInput,
    audioOutput,
  }
  if (!kind.startsWith('tiered')) return { kind, model, told }
  // OpenAI prints no price of gpt-5-nano at the priority tier.
  const asked = model === 'gpt-5-nano' ? 'flex' : pick(['flex', 'priority', 'default'])
  return { kind, model, told, asked, given: random() < 0.7 ? asked : 'default' }
}

/** Returns what upstream charges when this model answers; `undefined`: it adds a fee per call that it does not report. */
export function chargeOf({ kind, given, told }: Rare, model: string): number | undefined {
  return kind === 'searched' ? undefined : price(model, told, shareOf(model, given))
}

export function answerOf({ kind, told, given }: Rare, text: string): Answer {
  const { input, output = 0, cached = 0 } = told
  if (kind === 'completion' || kind === 'told completion') return { text, usage: { input, output } }
  if (kind === 'written' || kind === 'searched') return { body: responseOf(told, text, kind === 'searched') }
  const tier = given === undefined ? {} : { service_tier: given }
  const usage = {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    prompt_tokens_details: { cached_tokens: cached, audio_tokens: told.audioInput ?? 0 },
    completion_tokens_details: { reasoning_tokens: 0, audio_tokens: told.audioOutput ?? 0 },
  }
  const head = { id: 'chatcmpl-1', created: 1, model: 'gpt-4o', ...tier }
  const message = { role: 'assistant', content: text, refusal: null }
  const choices = [{ index: 0, message, finish_reason: 'stop' }]
  const chunk = (more: object) => ({ ...head, object: 'chat.completion.chunk', ...more })
  const piece = (delta: object, finish_reason: string | null) =>
    chunk({ choices: [{ index: 0, delta, finish_reason }] })
  return {
    body: { ...head, object: 'chat.completion', choices, usage },
    chunks: [
      piece({ role: 'assistant', content: text }, null),
      piece({}, 'stop'),
      chunk({ choices: [], usage }),
      'data: [DONE]\n\n',
    ],
  }
}

function responseOf({ input, output = 0, cached = 0, written = 0 }: Told, text: string, searched: boolean) {
  const content = [{ type: 'output_text', text, annotations: [] }]
  const message = { id: 'm', type: 'message', role: 'assistant', status: 'completed', content }
  return {
    id: 'resp_1',
    object: 'response',
    created_at: 1,
    status: 'completed',
    model: 'gpt-4o',
    output: [...(searched ? [{ type: 'web_search_call', id: 'ws', status: 'completed' }] : []), message],
    usage: {
      input_tokens: input,
      input_tokens_details: { cached_tokens: cached, cache_write_tokens: written },
      output_tokens: output,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: input + output,
    },
  }
}

type Options = { headers: Record<string, string>; timeout?: number }

/** Resolves to the response of a whole answer, and to nothing once a stream has been read. */
export async function askRare(
  client: GatewayClient,
  { kind, model, asked }: Rare,
  content: string,
  options: Options,
): Promise<Response | undefined> {
  if (kind === 'written' || kind === 'searched') {
    const body = { model, input: content, max_output_tokens: 4_000 }
    const tools = kind === 'searched' ? [{ type: 'web_search' as const }] : undefined
    const more = tools === undefined ? {} : { tools }
    return (await client.responses.create({ ...body, ...more }, options).withResponse()).response
  }
  if (kind === 'completion')
    return (
      await client.completions.create({ model, prompt: content, max_tokens: 2_000 }, options).withResponse()
    ).response
  const told = { stream: true, stream_options: { include_usage: true } } as const
  if (kind === 'told completion') {
    const body = { model, prompt: content, max_tokens: 2_000 }
    for await (const _ of await client.completions.create({ ...body, ...told }, options));
    return undefined
  }
  const body = { model, messages: [{ role: 'user' as const, content }], max_tokens: 2_000 }
  const tier = asked === undefined ? {} : { service_tier: asked as 'flex' }
  if (kind === 'tiered stream') {
    for await (const _ of await client.chat.completions.create({ ...body, ...tier, ...told }, options));
    return undefined
  }
  return (await client.chat.completions.create({ ...body, ...tier }, options).withResponse()).response
}
