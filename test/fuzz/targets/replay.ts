import { deepEqual, equal } from 'node:assert/strict'
import { formats } from '#src/body/formats.ts'
import { type SseEvent, sseReader } from '#src/body/sse.ts'
import { parseObject } from '#src/core/json.ts'
import type { Target } from '../engine.ts'

const KINDS = [formats.chat, formats.responses, formats.completions]

const eventsOf = (frames: string[]): SseEvent[] => {
  const reader = sseReader()
  return [...reader.push(Buffer.from(frames.join(''))), ...reader.end()]
}

type Choice = { index?: number; delta?: { content?: string }; message?: { content?: string } }

/** Adds up the text of a chat answer by index, whole or streamed. */
function textsOf(parts: { choices?: Choice[] }[]): string[] {
  const texts: string[] = []
  for (const { choices = [] } of parts)
    for (const [at, { index = at, delta, message }] of choices.entries())
      texts[index] = (texts[index] ?? '') + (delta?.content ?? message?.content ?? '')
  return texts
}

/** Answers that are replayed as a stream: what can be streamed adds up to itself; anything else is refused, not bent. */
export const target: Target = {
  seeds: [
    '0{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}',
    '0{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"t","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}',
    '1{"id":"r","object":"response","created_at":1,"status":"completed","model":"m","output":[{"id":"o","type":"message","role":"assistant","status":"completed","content":[{"type":"output_text","text":"hi","annotations":[]}]},{"id":"f","type":"function_call","call_id":"c","name":"f","arguments":"{}","status":"completed"}],"usage":{"input_tokens":1,"output_tokens":2,"total_tokens":3}}',
    '2{"id":"x","object":"text_completion","created":1,"model":"m","choices":[{"index":0,"text":"hi","logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}',
  ],
  run(input) {
    const kind = (input[0] ?? 0) % 3
    const format = KINDS[kind]
    const answer = parseObject(input.toString('utf8', 1))
    if (format === undefined || answer === undefined) return
    format.storable(answer)
    let frames: string[]
    try {
      frames = format.emit(answer, true)
    } catch {
      return
    }
    const events = eventsOf(frames)
    for (const { data } of events) if (data !== '[DONE]') JSON.parse(data)
    const again = format.assemble(events)
    if (again === undefined) return
    deepEqual(format.assemble(eventsOf(format.emit(again, true))), again, 'streamed twice, it changes')
    if (kind !== 0) return
    const chunks = events.filter(({ data }) => data !== '[DONE]').map(({ data }) => JSON.parse(data))
    deepEqual(textsOf(chunks), textsOf([answer as { choices?: Choice[] }]), 'the text differs')
    equal(events.at(-1)?.data, '[DONE]')
  },
}
