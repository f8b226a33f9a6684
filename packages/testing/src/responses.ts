import type { Rendered } from './chat.ts'
import { createdAt, idOf } from './deterministic.ts'
import { type JsonObject, list, object, text } from './json.ts'
import { type Answer, isReasoner, pieces, responsesPrompt, think } from './model.ts'
import { type Counter, countMessages, responsesUsage, tally } from './usage.ts'

/** POST /v1/responses */
export function responses(body: JsonObject, scripted: Answer | undefined, count: Counter): Rendered {
  const prompt = responsesPrompt(body)
  const answer = scripted ?? think(prompt, 0)
  const seed = `${prompt.model}${prompt.all}${body.store === false}`
  const messages = typeof body.input === 'string' ? [{ role: 'user', content: body.input }] : list(body.input)
  const told = typeof body.instructions === 'string' ? [{ role: 'system', content: body.instructions }] : []
  const input = countMessages([...told, ...messages], body.tools, count)
  const cut = answer.finishReason === 'length'
  const whole: JsonObject = {
    id: idOf('resp_', seed),
    object: 'response',
    created_at: createdAt(seed),
    status: cut ? 'incomplete' : 'completed',
    background: false,
    completed_at: createdAt(seed) + 1,
    error: null,
    incomplete_details: cut ? { reason: 'max_output_tokens' } : null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    model: prompt.model,
    output: outputOf(answer, body, seed),
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: body.previous_response_id ?? null,
    prompt_cache_key: body.prompt_cache_key ?? null,
    reasoning: {
      effort: object(body.reasoning).effort ?? null,
      summary: object(body.reasoning).summary ?? null,
    },
    safety_identifier: body.safety_identifier ?? null,
    service_tier: 'default',
    store: body.store ?? true,
    temperature: body.temperature ?? 1,
    text: { format: object(body.text).format ?? { type: 'text' }, verbosity: 'medium' },
    tool_choice: body.tool_choice ?? 'auto',
    tools: body.tools ?? [],
    top_logprobs: body.top_logprobs ?? 0,
    top_p: body.top_p ?? 1,
    truncation: body.truncation ?? 'disabled',
    usage: responsesUsage(tally([answer], input, prompt.model, prompt.all, count)),
    user: body.user ?? null,
    metadata: body.metadata ?? {},
  }
  return { whole, chunks: () => eventsOf(whole) }
}

function outputOf(answer: Answer, body: JsonObject, seed: string): JsonObject[] {
  const output: JsonObject[] = []
  if (isReasoner(text(body.model))) {
    const summary = object(body.reasoning).summary
      ? [{ type: 'summary_text', text: 'Weighing what was asked.' }]
      : []
    const encrypted = list(body.include).includes('reasoning.encrypted_content')
      ? { encrypted_content: idOf('gAAAA', seed) }
      : {}
    output.push({ id: idOf('rs_', seed), type: 'reasoning', summary, ...encrypted })
  }
  for (const [at, call] of (answer.toolCalls ?? []).entries()) {
    const ids = {
      id: idOf(call.custom ? 'ctc_' : 'fc_', `${seed}${at}`),
      call_id: idOf('call_', `${seed}${at}`),
      status: 'completed',
    }
    output.push(
      call.custom
        ? { ...ids, type: 'custom_tool_call', name: call.name, input: call.arguments }
        : { ...ids, type: 'function_call', name: call.name, arguments: call.arguments },
    )
  }
  const part =
    answer.refusal !== undefined
      ? { type: 'refusal', refusal: answer.refusal }
      : { type: 'output_text', annotations: [], logprobs: [], text: answer.text ?? '' }
  const status = answer.finishReason === 'length' ? 'incomplete' : 'completed'
  if (!answer.toolCalls?.length)
    output.push({ id: idOf('msg_', seed), type: 'message', status, role: 'assistant', content: [part] })
  return output
}

function eventsOf(response: JsonObject): string[] {
  const frames: string[] = []
  const send = (type: string, fields: JsonObject) => {
    frames.push(
      `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: frames.length, ...fields })}\n\n`,
    )
  }
  const begun = {
    ...response,
    status: 'in_progress',
    completed_at: null,
    output: [],
    usage: null,
    incomplete_details: null,
  }
  send('response.created', { response: begun })
  send('response.in_progress', { response: begun })
  list(response.output)
    .map(object)
    .forEach((item, output_index) => {
      sendItem(item, output_index, send)
    })
  send(`response.${response.status}`, { response })
  return frames
}

type Send = (type: string, fields: JsonObject) => void

function sendItem(item: JsonObject, output_index: number, send: Send) {
  const at = { item_id: item.id ?? '', output_index }
  const empty = {
    ...('content' in item ? { content: [] } : {}),
    ...('arguments' in item ? { arguments: '' } : {}),
    ...('input' in item ? { input: '' } : {}),
    ...('summary' in item ? { summary: [] } : {}),
  }
  const status = 'status' in item ? { status: 'in_progress' } : {}
  send('response.output_item.added', { output_index, item: { ...item, ...empty, ...status } })
  const stream = (type: string, field: string, said: string, where: JsonObject) => {
    for (const delta of pieces(said))
      send(`${type}.delta`, {
        ...where,
        delta,
        ...(field === 'text' && type.includes('output') ? { logprobs: [] } : {}),
      })
    send(`${type}.done`, {
      ...where,
      [field]: said,
      ...(field === 'text' && type.includes('output') ? { logprobs: [] } : {}),
    })
  }
  list(item.content)
    .map(object)
    .forEach((part, content_index) => {
      const where = { ...at, content_index }
      const field = part.type === 'refusal' ? 'refusal' : 'text'
      send('response.content_part.added', { ...where, part: { ...part, [field]: '' } })
      stream(
        field === 'refusal' ? 'response.refusal' : 'response.output_text',
        field,
        text(part[field]),
        where,
      )
      send('response.content_part.done', { ...where, part })
    })
  list(item.summary)
    .map(object)
    .forEach((part, summary_index) => {
      const where = { ...at, summary_index }
      send('response.reasoning_summary_part.added', { ...where, part: { ...part, text: '' } })
      stream('response.reasoning_summary_text', 'text', text(part.text), where)
      send('response.reasoning_summary_part.done', { ...where, part })
    })
  if (item.type === 'function_call')
    stream('response.function_call_arguments', 'arguments', text(item.arguments), at)
  if (item.type === 'custom_tool_call')
    stream('response.custom_tool_call_input', 'input', text(item.input), at)
  send('response.output_item.done', { output_index, item })
}
