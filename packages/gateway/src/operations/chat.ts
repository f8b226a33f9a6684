import type { OperationFacts } from './facts.ts'

/** Source of refused members: OpenAI, "Reasoning models" and "Using GPT-5.2"; LiteLLM 1.111, `gpt_5_transformation.py`. */
const REFUSED_WITH_REASONING = [
  'temperature',
  'top_p',
  'top_logprobs',
  'presence_penalty',
  'frequency_penalty',
  'logprobs',
  'logit_bias',
  'prediction',
  'stop',
  'max_tokens',
]

/** Chat completions. */
export const chat: OperationFacts = {
  name: 'chat',
  path: '/chat/completions',
  spanName: 'chat',
  routedBy: 'default',
  input: {
    member: 'messages',
    kind: 'turns',
    question: ['messages'],
    tools: ['tools', 'functions'],
    mayBeEmpty: false,
  },
  output: 'message',
  usageInStream: 'on-request',
  requested: {
    outputLimits: ['max_completion_tokens', 'max_tokens'],
    defaultOutputLimit: undefined,
    answerCounts: ['n', 'best_of'],
    answerFormat: (body) => body.response_format,
    serviceTier: true,
  },
  storedUpstream: 'on-request',
  echoesRequest: false,
  hostedTools: 'uncounted',
  notInKey: new Set([
    // The key holds the model that answers instead.
    'model',
    'stream',
    'stream_options',
    'user',
    'safety_identifier',
    'prompt_cache_key',
    'prompt_cache_options',
    'prompt_cache_retention',
    'metadata',
    'store',
  ]),
  refusedBy: {
    'gpt-5': REFUSED_WITH_REASONING,
    o: [...REFUSED_WITH_REASONING, 'parallel_tool_calls', 'verbosity'],
    plain: ['reasoning_effort', 'verbosity'],
  },
  litellmMetadata: 'metadata',
}
