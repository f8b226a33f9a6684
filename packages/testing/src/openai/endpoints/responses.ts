import type { Said } from '../../core/answer.ts'
import { type Json, type JsonObject, list, number, object } from '../../core/json.ts'
import { createdAt, idOf } from '../model/deterministic.ts'
import { pieces, say } from '../model/generate.ts'
import { logprobsOf } from '../model/logprobs.ts'
import { isReasoner, type Prompt, responsesPrompt } from '../model/prompt.ts'
import { countMessages, responsesUsage, tally } from '../model/usage.ts'
import type { Rendered, Voice } from './chat.ts'
import { responseEvents } from './response-events.ts'

/** POST /v1/responses */
export function responses(body: JsonObject, { tokens, scripted, answering }: Voice): Rendered {
  const prompt = responsesPrompt(body)
  const said = say(prompt, scripted, 0, tokens)
  const seed = `${prompt.seed}${body.store === false}`
  const messages = typeof body.input === 'string' ? [{ role: 'user', content: body.input }] : list(body.input)
  const told = typeof body.instructions === 'string' ? [{ role: 'system', content: body.instructions }] : []
  const input = countMessages([...told, ...messages], body.tools, tokens)
  const reason = INCOMPLETE[said.finishReason ?? '']
  const whole: JsonObject = {
    id: idOf('resp_', seed),
    object: 'response',
    created_at: createdAt(seed),
    status: reason === undefined ? 'completed' : 'incomplete',
    access_programs: null,
    background: body.background ?? false,
    completed_at: reason === undefined ? createdAt(seed) + 1 : null,
    error: null,
    incomplete_details: reason === undefined ? null : { reason },
    model: answering,
    output: outputOf(said, body, prompt, seed),
    ...asAsked(body),
    service_tier: 'default',
    usage: responsesUsage(tally([said], input, prompt, tokens)),
  }
  const { include_obfuscation: padded } = object(body.stream_options)
  return { whole, chunks: () => responseEvents(whole, padded === true) }
}

const INCOMPLETE: Record<string, string | undefined> = {
  length: 'max_output_tokens',
  content_filter: 'content_filter',
}

/** The settings of the request, as the answer repeats them. */
const asAsked = (body: JsonObject): JsonObject => ({
  instructions: body.instructions ?? null,
  max_output_tokens: body.max_output_tokens ?? null,
  max_tool_calls: body.max_tool_calls ?? null,
  metadata: body.metadata ?? {},
  parallel_tool_calls: body.parallel_tool_calls ?? true,
  previous_response_id: body.previous_response_id ?? null,
  prompt_cache_key: body.prompt_cache_key ?? null,
  prompt_cache_retention: body.prompt_cache_retention ?? null,
  reasoning: {
    effort: object(body.reasoning).effort ?? null,
    summary: object(body.reasoning).summary ?? null,
  },
  safety_identifier: body.safety_identifier ?? null,
  store: body.store ?? true,
  temperature: body.temperature ?? 1,
  text: {
    format: object(body.text).format ?? { type: 'text' },
    verbosity: object(body.text).verbosity ?? 'medium',
  },
  tool_choice: body.tool_choice ?? 'auto',
  tools: body.tools ?? [],
  top_logprobs: body.top_logprobs ?? 0,
  top_p: body.top_p ?? 1,
  truncation: body.truncation ?? 'disabled',
  user: body.user ?? null,
})

/** The thought, the message, the calls: in this order, each where there is one. */
function outputOf(said: Said, body: JsonObject, prompt: Prompt, seed: string): JsonObject[] {
  const calls = (said.toolCalls ?? []).map(({ name, arguments: given, custom }, at) => {
    const call_id = idOf('call_', `${seed}${at}`)
    return custom
      ? {
          id: idOf('ctc_', `${seed}${at}`),
          type: 'custom_tool_call',
          status: 'completed',
          call_id,
          name,
          input: given,
        }
      : {
          id: idOf('fc_', `${seed}${at}`),
          type: 'function_call',
          status: 'completed',
          call_id,
          name,
          arguments: given,
        }
  })
  const silent = calls.length > 0 && said.text === undefined && said.refusal === undefined
  return [
    ...(isReasoner(prompt.model) ? [thought(body, seed)] : []),
    ...(silent ? [] : [message(said, body, seed)]),
    ...calls,
  ]
}

function thought(body: JsonObject, seed: string): JsonObject {
  const text = 'Weighing what was asked.'
  const encrypted = list(body.include).includes('reasoning.encrypted_content')
  return {
    id: idOf('rs_', seed),
    type: 'reasoning',
    summary: object(body.reasoning).summary ? [{ type: 'summary_text', text }] : [],
    ...(encrypted ? { encrypted_content: idOf('gAAAA', seed) } : {}),
  }
}

function message(said: Said, body: JsonObject, seed: string): JsonObject {
  const status =
    said.finishReason !== undefined && said.finishReason in INCOMPLETE ? 'incomplete' : 'completed'
  const text = said.text ?? ''
  const asked = list(body.include).includes('message.output_text.logprobs')
  const logprobs: Json[] = asked ? logprobsOf(pieces(text), number(body.top_logprobs) ?? 0) : []
  const spoken = { type: 'output_text', annotations: [], logprobs, text }
  const content = [
    ...(said.text !== undefined || said.refusal === undefined ? [spoken] : []),
    ...(said.refusal === undefined ? [] : [{ type: 'refusal', refusal: said.refusal }]),
  ]
  return { id: idOf('msg_', seed), type: 'message', status, role: 'assistant', content }
}
