import type { Policy } from '@hotdash/llm-gateway'
import { limitsOfLitellm } from './unsupported.ts'

/** How the proxy knows team keys. `database`: it keeps them in Postgres. `file`: a Python file beside its configuration does. */
export type Auth = 'database' | 'file'

/** LiteLLM's `config.yaml` for this policy. What LiteLLM cannot express stands in it as a comment. */
export function configYaml(policy: Policy, auth: Auth): string {
  return `${[
    ...header(policy, auth),
    ...modelList(policy),
    ...litellmSettings(policy),
    ...routerSettings(policy),
    ...generalSettings(auth),
  ].join('\n')}\n`
}

function header(policy: Policy, auth: Auth): string[] {
  const version = policy.version === undefined ? '' : `, version ${policy.version}`
  return [
    `# Made by \`llm-gateway litellm-config\` from the gateway's policy${version}. Change the policy, not this file.`,
    '# Environment: OPENAI_API_KEY, LITELLM_MASTER_KEY, REDIS_HOST, REDIS_PORT, REDIS_PASSWORD (may be empty)' +
      (auth === 'database' ? ', DATABASE_URL.' : '.'),
    '#',
    '# What the policy says and LiteLLM cannot do, or does differently:',
    ...limitsOfLitellm(policy, auth).flatMap((line) => wrapped(line)),
    '',
  ]
}

/** As comments, at a width people read. */
function wrapped(text: string): string[] {
  const lines = ['# -']
  for (const word of text.split(' ')) {
    const last = lines.length - 1
    if (`${lines[last]} ${word}`.length > 118) lines.push(`#   ${word}`)
    else lines[last] += ` ${word}`
  }
  return lines
}

/** Every model that the policy names anywhere. */
export function modelsOf({ models, routing, teams }: Policy): string[] {
  const { default: standard, embeddings, escalate, fallback } = routing ?? {}
  const routed = [standard, embeddings, escalate ? escalate.to : undefined, fallback || undefined]
  const named = Object.values(teams ?? {}).flatMap((team) => team.models ?? [])
  const all = [...Object.keys(models ?? {}), ...routed, ...named]
  return [...new Set(all.filter((name) => name !== undefined))]
}

function modelList(policy: Policy): string[] {
  const entries = modelsOf(policy).flatMap((name) => {
    const { input, cachedInput, output } = policy.models?.[name] ?? {}
    const prices = {
      input_cost_per_token: input,
      cache_read_input_token_cost: cachedInput,
      output_cost_per_token: output,
    }
    return [
      `  - model_name: ${yaml(name)}`,
      '    litellm_params:',
      `      model: ${yaml(`openai/${name}`)}`,
      '      api_key: os.environ/OPENAI_API_KEY',
      ...Object.entries(prices).flatMap(([field, usd]) =>
        usd === undefined ? [] : [`      ${field}: ${perToken(usd)}`],
      ),
    ]
  })
  return ['model_list:', ...entries, '']
}

/** Millionths of a dollar, exactly and without an exponent, which some readers of YAML take for a text. */
const perToken = (usdPerMillion: number): string =>
  (usdPerMillion / 1e6).toFixed(15).replace(/0+$/, '').replace(/\.$/, '.0')

function litellmSettings({ cache, timezone }: Policy): string[] {
  const ttl = cache === false || cache?.exact === false ? undefined : (cache?.exact?.ttlSeconds ?? 86_400)
  return [
    'litellm_settings:',
    "  # The gateway's clients retry and fail over themselves: a second layer would multiply requests.",
    '  num_retries: 0',
    ...(timezone === undefined || timezone === 'UTC' ? [] : [`  timezone: ${yaml(timezone)}`]),
    '  # No success_callback: the clients write traces and usage themselves; a second writer would count calls twice.',
    ...(ttl === undefined ? ['  cache: false'] : cacheSettings(ttl)),
    '',
  ]
}

const cacheSettings = (ttl: number) => [
  '  cache: true',
  '  cache_params:',
  '    type: redis',
  ...REDIS.map(([field, variable]) => `    ${field}: os.environ/${variable}`),
  `    ttl: ${Math.max(1, Math.floor(ttl))}`,
  '    supported_call_types: ["acompletion", "atext_completion", "aembedding", "aresponses"]',
]

const REDIS = [
  ['host', 'REDIS_HOST'],
  ['port', 'REDIS_PORT'],
  ['password', 'REDIS_PASSWORD'],
] as const

function routerSettings({ routing }: Policy): string[] {
  const { escalate, fallback } = routing ?? {}
  return [
    'router_settings:',
    '  num_retries: 0',
    '  # One deployment per model: to put it aside would turn its next caller away for nothing.',
    '  disable_cooldowns: true',
    ...REDIS.map(([field, variable]) => `  redis_${field}: os.environ/${variable}`),
    ...(escalate
      ? [
          `  # Above ${escalate.above} input tokens the clients send ${yaml(escalate.to)} themselves, counted exactly. For other clients, and never`,
          '  # beside ours (two tokenisers disagree at the border), LiteLLM could do it with enable_pre_call_checks: true,',
          `  # model_info.max_input_tokens: ${escalate.above} on the small model, and`,
          `  # context_window_fallbacks: [{${yaml(routing?.default ?? 'gpt-4o-mini')}: [${yaml(escalate.to)}]}]`,
        ]
      : []),
    ...(fallback
      ? [
          `  # On failure the clients ask ${yaml(fallback)} themselves, once, before the first byte; so there are no fallbacks here.`,
        ]
      : []),
    '',
  ]
}

const generalSettings = (auth: Auth) => [
  'general_settings:',
  '  master_key: os.environ/LITELLM_MASTER_KEY',
  auth === 'database' ? '  database_url: os.environ/DATABASE_URL' : '  custom_auth: custom_auth.authenticate',
]

/** A JSON string is a YAML string. */
const yaml = (text: string) => JSON.stringify(text)
