import type { RenderContext, RenderedAnswer, ResolvedAnswer } from '../../core/answer.ts'
import { type Json, type JsonObject, list, number, object } from '../../core/json.ts'
import { seededId, seededTimestamp } from '../model/deterministic.ts'
import { resolveAnswer, splitWords } from '../model/generate.ts'
import { logprobsOf } from '../model/logprobs.ts'
import { isReasoningModel, type Prompt, responsesPrompt } from '../model/prompt.ts'
import { countMessages, countUsage, responsesUsage } from '../model/usage.ts'
import { responseEvents } from './response-events.ts'

/** Renders the answer to POST /v1/responses. */
export function renderResponse(
  body: JsonObject,
  { tokens, scripted, answeringModel }: RenderContext,
): RenderedAnswer {
  const prompt = responsesPrompt(body)
  const answer = resolveAnswer(prompt, scripted, 0, tokens)
  const seed = `${prompt.seed}${body.store === false}`
  const messages = typeof body.input === 'string' ? [{ role: 'user', content: body.input }] : list(body.input)
  const instructions =
    typeof body.instructions === 'string' ? [{ role: 'system', content: body.instructions }] : []
  const input = countMessages([...instructions, ...messages], body.tools, tokens)
  const reason = INCOMPLETE[answer.finishReason ?? '']
  const whole: JsonObject = {
    id: seededId('resp_', seed),
    object: 'response',
    created_at: seededTimestamp(seed),
    status: reason === undefined ? 'completed' : 'incomplete',
    access_programs: null,
    background: body.background ?? false,
    completed_at: reason === undefined ? seededTimestamp(seed) + 1 : null,
    error: null,
    incomplete_details: reason === undefined ? null : { reason },
    model: answeringModel,
    output: outputItems(answer, body, prompt, seed),
    ...echoedSettings(body),
    service_tier: 'default',
    usage: responsesUsage(countUsage([answer], input, prompt, tokens)),
  }
  const { include_obfuscation: padded } = object(body.stream_options)
  return { whole, chunks: () => responseEvents(whole, padded === true) }
}

const INCOMPLETE: Record<string, string | undefined> = {
  length: 'max_output_tokens',
  content_filter: 'content_filter',
}

/** Returns the settings of the request that a Response repeats, with their defaults. */
const echoedSettings = (body: JsonObject): JsonObject => ({
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

/** Returns the output items in order: reasoning, message, tool calls. */
function outputItems(answer: ResolvedAnswer, body: JsonObject, prompt: Prompt, seed: string): JsonObject[] {
  const calls = (answer.toolCalls ?? []).map(({ name, arguments: given, custom }, at) => {
    const call_id = seededId('call_', `${seed}${at}`)
    return custom
      ? {
          id: seededId('ctc_', `${seed}${at}`),
          type: 'custom_tool_call',
          status: 'completed',
          call_id,
          name,
          input: given,
        }
      : {
          id: seededId('fc_', `${seed}${at}`),
          type: 'function_call',
          status: 'completed',
          call_id,
          name,
          arguments: given,
        }
  })
  const hasNoText = calls.length > 0 && answer.text === undefined && answer.refusal === undefined
  return [
    ...(isReasoningModel(prompt.model) ? [reasoningItem(body, seed)] : []),
    ...(hasNoText ? [] : [messageItem(answer, body, seed)]),
    ...calls,
  ]
}

function reasoningItem(body: JsonObject, seed: string): JsonObject {
  const text = 'Weighing what was asked.'
  const encrypted = list(body.include).includes('reasoning.encrypted_content')
  return {
    id: seededId('rs_', seed),
    type: 'reasoning',
    summary: object(body.reasoning).summary ? [{ type: 'summary_text', text }] : [],
    ...(encrypted ? { encrypted_content: seededId('gAAAA', seed) } : {}),
  }
}

function messageItem(answer: ResolvedAnswer, body: JsonObject, seed: string): JsonObject {
  const status =
    answer.finishReason !== undefined && answer.finishReason in INCOMPLETE ? 'incomplete' : 'completed'
  const text = answer.text ?? ''
  const wantsLogprobs = list(body.include).includes('message.output_text.logprobs')
  const logprobs: Json[] = wantsLogprobs ? logprobsOf(splitWords(text), number(body.top_logprobs) ?? 0) : []
  const outputText = { type: 'output_text', annotations: [], logprobs, text }
  const content = [
    ...(answer.text !== undefined || answer.refusal === undefined ? [outputText] : []),
    ...(answer.refusal === undefined ? [] : [{ type: 'refusal', refusal: answer.refusal }]),
  ]
  return { id: seededId('msg_', seed), type: 'message', status, role: 'assistant', content }
}
