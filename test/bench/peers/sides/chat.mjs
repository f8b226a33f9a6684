/** Asks for an answer, whole or streamed. `create`: that of a client's Chat Completions, or of what wraps them. */
export function chatBy(create) {
  const request = (content) => ({
    model: 'gpt-4o-mini',
    max_tokens: 100,
    messages: [{ role: 'user', content }],
  })
  return {
    ask: (content) => create(request(content)),
    stream: (content) => create({ ...request(content), stream: true }),
  }
}
