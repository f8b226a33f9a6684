import { object } from '../core/json.ts'
import type { OperationFacts } from './facts.ts'

/** Source of refused members: OpenAI, "Using GPT-5.2" (parameter compatibility). */
const SAMPLING = ['temperature', 'top_p', 'top_logprobs']

/** Responses. */
export const responses: OperationFacts = {
  name: 'responses',
  path: '/responses',
  spanName: 'chat',
  routedBy: 'default',
  input: {
    member: 'input',
    kind: 'turns',
    question: ['instructions', 'input', 'prompt'],
    tools: ['tools'],
    mayBeEmpty: false,
  },
  output: 'items',
  usageInStream: 'always',
  requested: {
    outputLimits: ['max_output_tokens'],
    defaultOutputLimit: undefined,
    answerCounts: [],
    answerFormat: (body) => object(body.text).format,
    serviceTier: true,
  },
  storedUpstream: 'by-default',
  echoesRequest: true,
  hostedTools: 'counted',
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
  refusedBy: { 'gpt-5': SAMPLING, o: [...SAMPLING, 'parallel_tool_calls'], plain: ['reasoning'] },
  // `metadata` of a Response is OpenAI's own.
  litellmMetadata: 'litellm_metadata',
}
