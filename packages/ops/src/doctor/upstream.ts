import { ask, baseUrl } from '../supabase/http.ts'
import { findingsOf, type Probe } from './finding.ts'

const { ok, problem, skipped } = findingsOf('upstream')

/** Asks the model's API for its models with the key of the environment, and a LiteLLM proxy for its health. */
export const probeUpstream: Probe = async ({ env }) => {
  const base = baseUrl(env.OPENAI_BASE_URL || 'https://api.openai.com/v1')
  const litellm = env.LITELLM_BASE_URL ? baseUrl(env.LITELLM_BASE_URL) : undefined
  return [
    base === undefined || !env.OPENAI_API_KEY
      ? skipped('OPENAI_API_KEY is not set: keys kept in Redis are checked by llm-gateway keys check')
      : await models(base, env.OPENAI_API_KEY),
    ...(litellm === undefined ? [] : [await health(litellm)]),
  ]
}

async function models(base: string, key: string) {
  const answer = await ask(`${base}/models`, { headers: { authorization: `Bearer ${key}` } })
  const { origin } = new URL(base)
  if (typeof answer === 'string')
    return problem(
      `${origin} cannot be reached: ${answer}`,
      'Check OPENAI_BASE_URL and the way out of this network.',
    )
  if (answer.status === 200) return ok(`${origin} accepts the key`)
  if (answer.status === 401 || answer.status === 403)
    return problem(
      `${origin} refuses the key (${answer.status})`,
      'llm-gateway secrets set OPENAI_API_KEY, with a valid key.',
    )
  return problem(`${origin} answers ${answer.status}`, 'See https://status.openai.com, or OPENAI_BASE_URL.')
}

async function health(base: string) {
  const answer = await ask(`${base.replace(/\/v1$/, '')}/health/liveliness`)
  if (typeof answer === 'string')
    return problem(`LiteLLM cannot be reached: ${answer}`, 'fly status of its app.')
  return answer.status === 200
    ? ok('LiteLLM is up')
    : problem(`LiteLLM answers ${answer.status}`, 'fly logs of its app.')
}
