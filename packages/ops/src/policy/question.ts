import { GatewayOptionsError } from '@hotdash/llm-gateway/policy'
import { UsageError } from '../core/command.ts'
import type { Question } from './explain.ts'
import { readJson } from './file.ts'
import type { RequestBody } from './simulate.ts'

export type QuestionOptions = {
  agent?: string | undefined
  model?: string | undefined
  'input-tokens'?: string | undefined
}

/** Tokens of a chat message around its text, and of the start of the answer. */
const AROUND = 8
const MAX_TOKENS = 1_000_000

/**
 * Returns the call to explain: a request as sent to the API, from a file or standard input, or one that is made up.
 *
 * @throws UsageError for options that do not fit
 */
export function questionOf(
  operand: string | undefined,
  options: QuestionOptions,
  env: NodeJS.ProcessEnv,
): Question {
  const { agent = env.LLM_GATEWAY_AGENT || undefined, model, 'input-tokens': tokens } = options
  if (operand !== undefined && tokens !== undefined)
    throw new UsageError('A request has its own number of tokens: leave out --input-tokens, or the file.')
  const given = operand === undefined ? madeUp(tokens) : readRequest(operand)
  return {
    agent,
    key: env.LLM_GATEWAY_KEY || undefined,
    body: model === undefined ? given : { ...given, model },
    isMadeUp: operand === undefined,
  }
}

/** Fields of which each request has one. */
const ASKED = ['messages', 'input', 'prompt', 'previous_response_id', 'conversation']

function readRequest(operand: string): RequestBody {
  const value = readJson(operand)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new GatewayOptionsError(`${operand} must hold one JSON object: the body of a request.`)
  if (!ASKED.some((name) => Object.hasOwn(value, name)))
    throw new UsageError(
      `${operand} has no ${ASKED.slice(0, 3).join(', ')}: it is no request. A policy is given with --policy.`,
    )
  return value as RequestBody
}

/** One token of four bytes, so that an estimate from bytes gives the same number. */
const WORD = ' the'

/** Makes a chat request with a number of tokens as the gateway counts them. */
function madeUp(tokens = '100'): RequestBody {
  const count = Number(tokens)
  if (!Number.isInteger(count) || count < AROUND || count > MAX_TOKENS)
    throw new UsageError(`--input-tokens must be a whole number from ${AROUND} to ${MAX_TOKENS}.`)
  return { messages: [{ role: 'user', content: WORD.repeat(count - AROUND + 1) }] }
}
