import type OpenAI from 'openai'
import { ChatCompletionStream } from 'openai/lib/ChatCompletionStream'
import { outcomeOf } from './outcome.ts'

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = []
  for await (const item of items) collected.push(item)
  return collected
}

const lines = (items: readonly unknown[]) =>
  new ReadableStream<Uint8Array>({
    start(controller) {
      for (const item of items) controller.enqueue(new TextEncoder().encode(`${JSON.stringify(item)}\n`))
      controller.close()
    },
  })

/** The object that the SDK itself makes of a chat stream. */
export async function chatOf(chunks: readonly OpenAI.Chat.ChatCompletionChunk[]): Promise<unknown> {
  const stream = ChatCompletionStream.fromReadableStream(lines(chunks))
  const final = await outcomeOf(() => stream.finalChatCompletion())
  const usage = chunks.flatMap((chunk) => chunk.usage ?? []).at(-1)
  const extra = chunks.at(-1)
  return { final, usage, tier: extra?.service_tier, fingerprint: extra?.system_fingerprint }
}

export function textsOf(chunks: readonly OpenAI.Completion[]): unknown {
  const choices: Record<number, { text: string; finish: string | null }> = {}
  for (const chunk of chunks)
    for (const { index, text, finish_reason } of chunk.choices) {
      const known = choices[index]?.text ?? ''
      choices[index] = { text: known + text, finish: finish_reason ?? choices[index]?.finish ?? null }
    }
  const { id, model, created, object } = chunks[0] ?? {}
  return { id, model, created, object, choices, usage: chunks.flatMap(({ usage }) => usage ?? []) }
}

export type Event = OpenAI.Responses.ResponseStreamEvent

/** Returns events without their numbers, with joined deltas: the API does not specify how an answer is split. */
export function eventsOf(events: readonly Event[]): unknown {
  const joined: Record<string, unknown>[] = []
  for (const event of events) {
    const { sequence_number: _, ...rest } = event as unknown as Record<string, unknown>
    // Added by the `.stream()` helper to each delta.
    delete rest.snapshot
    const last = joined.at(-1)
    const delta = rest.delta
    if (last && typeof delta === 'string' && last.type === rest.type && last.item_id === rest.item_id) {
      last.delta = `${last.delta}${delta}`
      if (Array.isArray(rest.logprobs)) last.logprobs = [last.logprobs, rest.logprobs].flat()
    } else joined.push(rest)
  }
  const numbers = events.map((event) => (event as { sequence_number?: number }).sequence_number)
  return { joined, numbered: numbers.every((number, at) => number === at) }
}
