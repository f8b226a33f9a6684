/** The JSON of a whole answer that says this: about a hundred tokens, whatever they are. */
export const completion = (content: string, inputTokens = 250): string =>
  JSON.stringify({
    id: 'chatcmpl-bench',
    object: 'chat.completion',
    created: 1_767_225_600,
    model: 'gpt-4o-mini',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content, refusal: null },
        logprobs: null,
        finish_reason: 'stop',
      },
    ],
    usage: { prompt_tokens: inputTokens, completion_tokens: 100, total_tokens: inputTokens + 100 },
  })

/** An upstream without a network. */
export const inMemory = (answer: string) => async () =>
  new Response(answer, { headers: { 'content-type': 'application/json', 'x-request-id': 'req_bench' } })
