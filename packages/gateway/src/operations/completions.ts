import type { OperationFacts } from './facts.ts'

/** Legacy completions. */
export const completions: OperationFacts = {
  name: 'completions',
  path: '/completions',
  spanName: 'text_completion',
  // The models that the policy routes to do not support it.
  routedBy: undefined,
  input: { member: 'prompt', kind: 'prompts', question: ['prompt'], tools: [], mayBeEmpty: true },
  output: 'text',
  usageInStream: 'on-request',
  requested: {
    outputLimits: ['max_tokens'],
    // Source: OpenAI API reference, `max_tokens` of completions.
    defaultOutputLimit: 16,
    answerCounts: ['n', 'best_of'],
    answerFormat: () => undefined,
    serviceTier: false,
  },
  storedUpstream: 'never',
  echoesRequest: false,
  hostedTools: 'none',
  // The key holds the model that answers instead.
  notInKey: new Set(['model', 'stream', 'stream_options', 'user']),
  refusedBy: undefined,
  litellmMetadata: 'metadata',
}
