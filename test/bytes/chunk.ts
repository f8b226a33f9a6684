/** Chat chunks in the shape that openai 7.57 types, as short as they can be. */

type Extra = Record<string, unknown>

export const chunk = (choices: unknown[], extra: Extra = {}) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'gpt-4o-mini',
  choices,
  ...extra,
})

export const delta = (delta: Extra, extra: Extra = {}) =>
  chunk([{ index: 0, delta, logprobs: null, finish_reason: null, ...extra }])

export const role = delta({ role: 'assistant', content: '' })
export const say = (content: string) => delta({ content })
export const stop = (reason = 'stop') => delta({}, { finish_reason: reason })
export const call = (tool: Extra) => delta({ tool_calls: [tool] })

export const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 }
export const usageChunk = chunk([], { usage })
