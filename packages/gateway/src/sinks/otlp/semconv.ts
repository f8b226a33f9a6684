import type { Json } from '../../core/json.ts'
import type { CallRecord } from '../../core/record.ts'
import { OPERATIONS } from '../../operations/operations.ts'
import type { Content, Report } from '../sink.ts'
import { type Attributes, attributesOf, nanos, plainText, type Span } from './encode.ts'
import { spanIdOf, traceIdOf } from './ids.ts'

const PARAMETERS: Record<string, string> = {
  temperature: 'gen_ai.request.temperature',
  top_p: 'gen_ai.request.top_p',
  seed: 'gen_ai.request.seed',
  n: 'gen_ai.request.choice.count',
  max_tokens: 'gen_ai.request.max_tokens',
  max_completion_tokens: 'gen_ai.request.max_tokens',
  max_output_tokens: 'gen_ai.request.max_tokens',
  frequency_penalty: 'gen_ai.request.frequency_penalty',
  presence_penalty: 'gen_ai.request.presence_penalty',
  dimensions: 'gen_ai.embeddings.dimension.count',
}

/** Longest content attribute in characters; backends cut or reject longer ones. */
const MAX_CONTENT = 60_000

/** Builds a call's span. Attributes outside the conventions start with `llm_gateway.`. */
export function spanOf({ record, parameters, content }: Report): Span {
  const operation = record.operation === 'other' ? undefined : OPERATIONS[record.operation].spanName
  const attributes: Attributes = {
    'gen_ai.operation.name': operation,
    'gen_ai.provider.name': operation && 'openai',
    'gen_ai.request.model': operation && (record.requestedModel ?? record.model),
    'gen_ai.response.model': record.model || undefined,
    'gen_ai.conversation.id': record.session,
    'gen_ai.agent.name': record.agent,
    'gen_ai.usage.input_tokens': record.usage?.input,
    'gen_ai.usage.output_tokens': record.usage?.output,
    'gen_ai.usage.cache_read.input_tokens': record.usage?.cachedInput || undefined,
    'url.path': record.path,
    'http.response.status_code': record.httpStatus,
    'error.type': record.status === 'ok' ? undefined : (record.error ?? record.status),
    'user.id': record.user,
    ...requestAttributes(parameters),
    ...gatewayAttributes(record),
    ...(content === undefined ? {} : contentAttributes(content)),
  }
  return {
    traceId: traceIdOf(record.trace || record.id),
    spanId: spanIdOf(record.id),
    name: operation === undefined ? record.operation : plainText(`${operation} ${record.model}`),
    kind: 3,
    startTimeUnixNano: nanos(record.startedAt),
    endTimeUnixNano: nanos(record.startedAt, record.latencyMs),
    attributes: attributesOf(attributes),
    status: record.status === 'failed' ? { code: 2, message: plainText(record.error ?? '') } : {},
  }
}

function requestAttributes(parameters: Report['parameters']): Attributes {
  const found: Attributes = {}
  for (const [name, value] of Object.entries(parameters)) {
    const known = PARAMETERS[name]
    if (known !== undefined && typeof value === 'number') found[known] = value
  }
  return found
}

function gatewayAttributes(record: CallRecord): Attributes {
  return {
    'llm_gateway.call_id': record.id,
    'llm_gateway.team': record.team,
    'llm_gateway.tags': record.tags.length > 0 ? record.tags : undefined,
    'llm_gateway.cache': record.cache,
    'llm_gateway.bypass': record.bypass,
    'llm_gateway.similarity': record.similarity,
    'llm_gateway.route': record.route,
    'llm_gateway.status': record.status,
    'llm_gateway.cost_usd': record.costUsd,
    'llm_gateway.saved_usd': record.savedUsd || undefined,
    'llm_gateway.estimated': record.estimated || undefined,
    'llm_gateway.stream': record.stream,
    'llm_gateway.first_token_ms': record.firstTokenMs,
    'llm_gateway.waited_ms': record.waitedMs,
    'llm_gateway.degraded': record.degraded,
    'llm_gateway.attempts': record.attempts.length,
  }
}

const contentAttributes = ({ input, tools, output }: Content): Attributes => ({
  'gen_ai.input.messages': textOf(input),
  'gen_ai.tool.definitions': textOf(tools),
  'gen_ai.output.messages': textOf(output),
})

function textOf(json: Json | undefined): string | undefined {
  if (json === undefined) return undefined
  const text = typeof json === 'string' ? json : JSON.stringify(json)
  return text.length > MAX_CONTENT ? `${text.slice(0, MAX_CONTENT).toWellFormed()}…` : text
}
