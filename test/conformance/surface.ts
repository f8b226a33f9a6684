import type OpenAI from 'openai'
import type { ChatCompletionStream } from 'openai/lib/ChatCompletionStream'
import { outcomeOf } from './outcome.ts'

/** What a caller made of an answer: `same` however it came, `live` when it came as upstream wrote it. */
export type Seen = { same: unknown; live?: unknown }

/** One way of asking through the SDK; `calls`: the upstream requests that it takes. */
export type Surface = { name: string; calls: number; run: (client: OpenAI) => Promise<Seen> }

const CHAT_EVENTS = [
  'connect',
  'message',
  'chatCompletion',
  'functionToolCall',
  'functionToolCallResult',
  'content.done',
  'refusal.done',
  'tool_calls.function.arguments.done',
  'logprobs.content.done',
  'logprobs.refusal.done',
  'finalContent',
  'finalMessage',
  'finalChatCompletion',
  'finalFunctionToolCall',
  'finalFunctionToolCallResult',
  'totalUsage',
  'error',
  'abort',
  'end',
] as const
const CHAT_DELTAS = [
  'content.delta',
  'refusal.delta',
  'tool_calls.function.arguments.delta',
  'logprobs.content.delta',
  'logprobs.refusal.delta',
] as const

type Emitter = { on: (event: string, listener: (...args: unknown[]) => void) => unknown }

/** Everything that a chat stream helper says. */
export async function heard<T>(stream: ChatCompletionStream<T>): Promise<Seen> {
  const emitter = stream as unknown as Emitter
  const said: [string, unknown[]][] = []
  const deltas: Record<string, unknown> = {}
  let content = ''
  let snapshot: unknown
  const chunks: unknown[] = []
  for (const name of CHAT_EVENTS)
    emitter.on(name, (...args) => said.push([name, structuredClone(args.map(plain))]))
  for (const name of CHAT_DELTAS)
    emitter.on(name, (props) => {
      const { snapshot, index, arguments: given } = props as Record<string, unknown>
      deltas[`${name} ${index ?? ''}`] = plain(snapshot ?? given)
    })
  emitter.on('content', (delta) => {
    content += delta
  })
  emitter.on('chunk', (chunk, latest) => {
    chunks.push(plain(chunk))
    snapshot = plain(latest)
  })
  const completion = await stream.finalChatCompletion()
  await stream.done()
  const finals = {
    completion,
    content: await outcomeOf(() => stream.finalContent()),
    message: await stream.finalMessage(),
    tool: await stream.finalFunctionToolCall(),
    usage: await outcomeOf(() => stream.totalUsage()),
    messages: stream.messages,
  }
  // The API does not specify how the choices of one stream are interleaved.
  const one = completion.choices.length === 1
  return {
    same: { said: sorted(said), ...(one ? { deltas, content } : {}), snapshot, finals: plain(finals) },
    live: { chunks, said, deltas, content },
  }
}

export const plain = (value: unknown): unknown =>
  value instanceof Error ? String(value) : value === undefined ? undefined : JSON.parse(JSON.stringify(value))
const sorted = (said: [string, unknown[]][]) => said.map((item) => JSON.stringify(item)).toSorted()
