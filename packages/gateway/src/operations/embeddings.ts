import type { OperationFacts } from './facts.ts'

/** Embeddings: vectors, which are never streamed and have no output tokens. */
export const embeddings: OperationFacts = {
  name: 'embeddings',
  path: '/embeddings',
  spanName: 'embeddings',
  routedBy: 'embeddings',
  input: { member: 'input', kind: 'prompts', question: ['input'], tools: [], mayBeEmpty: false },
  output: 'vectors',
  usageInStream: 'never',
  requested: {
    outputLimits: [],
    defaultOutputLimit: 0,
    answerCounts: [],
    answerFormat: () => undefined,
    serviceTier: false,
  },
  storedUpstream: 'never',
  echoesRequest: false,
  hostedTools: 'none',
  // The key holds the model that answers instead.
  notInKey: new Set(['model', 'user']),
  refusedBy: undefined,
  litellmMetadata: 'metadata',
}
