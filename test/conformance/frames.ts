const envelope = { id: 'c1', created: 1, model: 'm' }
export const completion = JSON.stringify({
  ...envelope,
  object: 'chat.completion',
  choices: [
    { index: 0, message: { role: 'assistant', content: 'hello' }, logprobs: null, finish_reason: 'stop' },
  ],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
})

type Extra = Record<string, unknown>
export const chunk = (choices: unknown[], extra: Extra = {}) =>
  JSON.stringify({ ...envelope, object: 'chat.completion.chunk', choices, ...extra })
export const choice = (delta: Extra, extra: Extra = {}) => ({
  index: 0,
  delta,
  finish_reason: null,
  ...extra,
})

export const stop = (extra: Extra = {}) => chunk([choice({}, { finish_reason: 'stop', ...extra })])
export const role = chunk([choice({ role: 'assistant', content: '' })])
export const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 }
export const usageChunk = chunk([], { usage })
export const say = (content: string) => chunk([choice({ content })])
export const frames = (...data: string[]) => data.map((item) => `data: ${item}\n\n`).join('')
export const hello = frames(role, say('hel'), say('lo'), stop(), usageChunk, '[DONE]')
