/**
 * Preset dictionary of the compressor: text that most answers share. It halves the size of a usual answer. It is part
 * of the format: a change of any byte needs a new version in codec.ts.
 */
const counts = { input: 0, cachedInput: 0, audioInput: 0, output: 0, reasoning: 0, audioOutput: 0 }

const rest = {
  usage: { usage: counts, estimated: false, tier: 'default' },
  model: 'gpt-4o-mini',
  headers: [
    ['openai-version', '2020-10-01'],
    ['x-gateway-origin-request-id', 'req_'],
  ],
  untold: false,
  team: 'prod_customer',
  agent: 'support',
  storedAt: 1_800_000_000_000,
  freshUntil: 1_800_000_000_000,
  keptUntil: 1_800_000_000_000,
}

const embeddings = {
  object: 'list',
  data: [{ object: 'embedding', index: 0, embedding: [] }],
  model: 'text-embedding-3-large',
  usage: { prompt_tokens: 0, total_tokens: 0 },
}

const response = {
  id: 'resp_',
  object: 'response',
  created_at: 1_800_000_000,
  status: 'completed',
  background: false,
  billing: { payer: 'developer' },
  completed_at: 1_800_000_000,
  error: null,
  incomplete_details: null,
  instructions: null,
  max_output_tokens: null,
  max_tool_calls: null,
  model: 'gpt-4o-mini-2024-07-18',
  output: [
    { id: 'fc_', type: 'function_call', status: 'completed', arguments: '{}', call_id: 'call_', name: '' },
    {
      id: 'msg_',
      type: 'message',
      status: 'completed',
      content: [{ type: 'output_text', annotations: [], logprobs: [], text: '' }],
      role: 'assistant',
    },
  ],
  parallel_tool_calls: true,
  previous_response_id: null,
  prompt_cache_key: null,
  prompt_cache_retention: null,
  reasoning: { effort: null, summary: null },
  safety_identifier: null,
  service_tier: 'default',
  store: true,
  temperature: 1,
  text: { format: { type: 'text' }, verbosity: 'medium' },
  tool_choice: 'auto',
  tools: [],
  top_logprobs: 0,
  top_p: 1,
  truncation: 'disabled',
  usage: {
    input_tokens: 0,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: 0,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 0,
  },
  user: null,
  metadata: {},
}

const call = { id: 'call_', type: 'function', function: { name: '', arguments: '{}' } }

const chat = {
  id: 'chatcmpl-',
  object: 'chat.completion',
  created: 1_800_000_000,
  model: 'gpt-4o-mini-2024-07-18',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: null, tool_calls: [call], refusal: null, annotations: [] },
      logprobs: null,
      finish_reason: 'tool_calls',
    },
    {
      index: 0,
      message: { role: 'assistant', content: '', refusal: null, annotations: [] },
      logprobs: null,
      finish_reason: 'stop',
    },
  ],
  usage: {
    prompt_tokens: 0,
    completion_tokens: 0,
    total_tokens: 0,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: 0,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  },
  service_tier: 'default',
  system_fingerprint: 'fp_',
}

/**
 * Compact and indented, as OpenAI and streams write them; the most frequent last, where references cost the fewest
 * bits.
 */
export const dictionary = Buffer.from(
  [
    ...[embeddings, response, chat].map((answer) => JSON.stringify(answer)),
    ...[embeddings, response, chat].map((answer) => JSON.stringify(answer, null, 2)),
    JSON.stringify(rest),
  ].join('\n'),
)
