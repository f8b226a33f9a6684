import { baseUrl } from '../supabase/http.ts'
import { findingsOf, type Probe } from './finding.ts'

const { ok, warning, problem } = findingsOf('environment')

/** Variables that work together only: with some of them, the feature is off. */
const GROUPS = [
  { what: 'Langfuse', names: ['LANGFUSE_BASE_URL', 'LANGFUSE_PUBLIC_KEY', 'LANGFUSE_SECRET_KEY'] },
  { what: 'Supabase', names: ['SUPABASE_URL', 'SUPABASE_SECRET_KEY'] },
]
const ADDRESSES = ['LANGFUSE_BASE_URL', 'SUPABASE_URL', 'OPENAI_BASE_URL', 'LITELLM_BASE_URL']

/** Looks for variables that are missing, half given, or no addresses. Prints no value. */
export const probeEnvironment: Probe = async ({ env, hasFolder }) => {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const isNew = major > 22 || (major === 22 && minor >= 3)
  const vault = hasFolder
    ? ' With the secrets of this folder: llm-gateway secrets exec --app gateway -- llm-gateway doctor'
    : ''
  return [
    isNew
      ? ok(`Node ${process.versions.node}`)
      : problem(`Node ${process.versions.node} is too old`, 'Install Node 22.3 or later.'),
    ...GROUPS.flatMap(({ what, names }) => {
      const missing = names.filter((name) => !env[name])
      if (missing.length === 0) return [ok(`${what}: all variables are set`)]
      return missing.length === names.length
        ? [warning(`${what} is not configured`, `Set ${missing.join(', ')}, if it is to receive records.`)]
        : [problem(`${what} is off: ${missing.join(', ')} missing`, `Set ${missing.join(', ')}.`)]
    }),
    ...ADDRESSES.filter((name) => env[name] && baseUrl(env[name] ?? '') === undefined).map((name) =>
      problem(`${name} is no address`, `Set ${name} to an address that begins with https://.`),
    ),
    ...(env.OPENAI_API_KEY || env.LLM_GATEWAY_REDIS_URL
      ? []
      : [problem('there is no key for OpenAI, nor a Redis that holds one', `Set OPENAI_API_KEY.${vault}`)]),
  ]
}
