import type { Policy } from '@hotdash/llm-gateway'
import { Document, Scalar, type ScalarTag } from 'yaml'
import type { Auth } from './auth.ts'
import { comment, flowSequence, separateSections, trailingComment } from './document.ts'
import { modelNames } from './models.ts'
import { hasExactCache, unsupportedByLitellm } from './unsupported.ts'

/** Width of comments in the file, in characters. */
const COMMENT_WIDTH = 118

/** Returns LiteLLM's `config.yaml` for this policy. Comments at its top name what LiteLLM does differently or not at all. */
export function configYaml(policy: Policy, auth: Auth): string {
  const { routing, timezone } = policy
  const config = {
    model_list: modelList(policy),
    litellm_settings: {
      num_retries: 0,
      ...(timezone === undefined || timezone === 'UTC' ? {} : { timezone }),
      ...cacheSettings(policy),
    },
    router_settings: {
      num_retries: 0,
      disable_cooldowns: true,
      ...Object.fromEntries(Object.entries(REDIS).map(([field, value]) => [`redis_${field}`, value])),
    },
    general_settings: generalSettings(auth),
  }
  const document = new Document(config, { customTags: (tags) => [DECIMAL, ...tags] })
  document.commentBefore = header(policy, auth)
  comment(
    document,
    ['litellm_settings', 'num_retries'],
    " The gateway's clients retry and fail over themselves: a second layer would multiply requests.",
  )
  comment(
    document,
    ['litellm_settings', 'cache'],
    ' No success_callback: the clients write traces and usage themselves; a second writer would count calls twice.',
  )
  comment(
    document,
    ['router_settings', 'disable_cooldowns'],
    ' Each model has one deployment: a cooldown would refuse its next callers without need.',
  )
  trailingComment(document, ['router_settings'], routingNotes(routing))
  flowSequence(document, ['litellm_settings', 'cache_params', 'supported_call_types'])
  separateSections(document)
  return document.toString({ lineWidth: 0, defaultKeyType: 'PLAIN', defaultStringType: 'QUOTE_DOUBLE' })
}

/** Writes a fraction without an exponent: YAML 1.1, which LiteLLM reads, takes `1e-7` for a string. */
const DECIMAL: ScalarTag = {
  tag: 'tag:yaml.org,2002:float',
  default: true,
  identify: (value) => typeof value === 'number' && !Number.isInteger(value),
  // A tag without `test` yields to the library's own tag of the same name.
  test: /^[-+]?[0-9]*\.[0-9]+$/,
  resolve: Number,
  stringify: ({ value }) => (value as number).toFixed(15).replace(/0+$/, '').replace(/\.$/, '.0'),
}

function header(policy: Policy, auth: Auth): string {
  const version = policy.version === undefined ? '' : `, version ${policy.version}`
  return [
    ` Made by \`llm-gateway litellm-config\` from the gateway's policy${version}. Change the policy, not this file.`,
    ` Environment: OPENAI_API_KEY, LITELLM_MASTER_KEY, REDIS_HOST, REDIS_PORT, REDIS_PASSWORD (may be empty)${auth === 'database' ? ', DATABASE_URL' : ''}.`,
    ' ',
    ' What the policy says and LiteLLM cannot do, or does differently:',
    ...unsupportedByLitellm(policy, auth).flatMap(wrapped),
  ].join('\n')
}

/** Splits a text into the lines of a list item of up to `COMMENT_WIDTH` characters, `#` included. */
function wrapped(text: string): string[] {
  const lines = [' -']
  for (const word of text.split(' ')) {
    const last = lines.length - 1
    if (`#${lines[last]} ${word}`.length > COMMENT_WIDTH) lines.push(`   ${word}`)
    else lines[last] += ` ${word}`
  }
  return lines
}

function modelList(policy: Policy) {
  return modelNames(policy).map((name) => {
    const { input, cachedInput, output } = policy.models?.[name] ?? {}
    const prices = {
      input_cost_per_token: input,
      cache_read_input_token_cost: cachedInput,
      output_cost_per_token: output,
    }
    const known = Object.entries(prices).filter((entry): entry is [string, number] => entry[1] !== undefined)
    return {
      model_name: name,
      litellm_params: {
        model: `openai/${name}`,
        api_key: 'os.environ/OPENAI_API_KEY',
        ...Object.fromEntries(known.map(([field, usd]) => [field, usdPerToken(usd)])),
      },
    }
  })
}

/** Converts US dollars per million tokens to US dollars per token, with a fraction even where it is zero. */
function usdPerToken(usdPerMillion: number): Scalar<number> {
  const price = new Scalar(usdPerMillion / 1e6)
  price.minFractionDigits = 1
  return price
}

const REDIS = {
  host: 'os.environ/REDIS_HOST',
  port: 'os.environ/REDIS_PORT',
  password: 'os.environ/REDIS_PASSWORD',
}

/** Seconds for which the gateway's exact cache keeps an answer by default: one day. */
const DEFAULT_TTL_SECONDS = 86_400

function cacheSettings(policy: Policy) {
  if (!hasExactCache(policy)) return { cache: false }
  const exact = policy.cache ? policy.cache.exact : undefined
  const ttl = (exact ? exact.ttlSeconds : undefined) ?? DEFAULT_TTL_SECONDS
  return {
    cache: true,
    cache_params: {
      type: 'redis',
      ...REDIS,
      ttl: Math.max(1, Math.floor(ttl)),
      supported_call_types: ['acompletion', 'atext_completion', 'aembedding', 'aresponses'],
    },
  }
}

/** Explains, as comments, why the router neither escalates nor falls back. Empty where the policy does neither. */
function routingNotes(routing: Policy['routing']): string {
  const { default: standard = 'gpt-4o-mini', escalate, fallback } = routing ?? {}
  return [
    ...(escalate
      ? [
          ` Above ${escalate.above} input tokens the clients send ${quoted(escalate.to)} themselves, counted exactly. Two tokenisers disagree at the`,
          ' border, so LiteLLM must not do it for them. For other clients it could, with enable_pre_call_checks: true,',
          ` model_info.max_input_tokens: ${escalate.above} on the small model, and`,
          ` context_window_fallbacks: [{${quoted(standard)}: [${quoted(escalate.to)}]}]`,
        ]
      : []),
    ...(fallback
      ? [
          ` On failure the clients call ${quoted(fallback)} themselves, once, before the first byte; so there are no fallbacks here.`,
        ]
      : []),
  ].join('\n')
}

function generalSettings(auth: Auth) {
  return {
    master_key: 'os.environ/LITELLM_MASTER_KEY',
    ...(auth === 'database'
      ? { database_url: 'os.environ/DATABASE_URL' }
      : { custom_auth: 'custom_auth.authenticate' }),
  }
}

/** Quotes a name for a comment. Escapes what YAML 1.1 takes for a line break, which would end the comment. */
const quoted = (name: string) =>
  JSON.stringify(name).replace(
    /[\u0085\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
