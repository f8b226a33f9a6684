import type { Policy, TeamPolicy } from '@hotdash/llm-gateway'
import { modelsOf } from './config.ts'

/** A shell script that gives each team of the policy a key of its own on a running proxy, or brings it up to date. */
export function keysScript(policy: Policy): string {
  const teams = Object.entries(policy.teams ?? {})
  return `#!/usr/bin/env bash
# Made by \`llm-gateway litellm-config\` from the gateway's policy. Run it against a proxy that has a database:
#   LITELLM_BASE_URL=https://... LITELLM_MASTER_KEY=sk-... ./keys.sh
# A key is what the team already has where its variable is set (LLM_GATEWAY_KEY_<TEAM>, beginning with sk-); otherwise
# LiteLLM makes one, and prints it once. Run it again after a change of policy: keys that exist are updated.
set -euo pipefail
: "\${LITELLM_BASE_URL:?where is the proxy?}" "\${LITELLM_MASTER_KEY:?the master key}"
base=\${LITELLM_BASE_URL%/}; base=\${base%/v1}

# post PATH BODY: prints the answer; fails unless the status is 2xx. Keys stay out of the list of processes.
post() {
  printf '%s' "$2" | curl --silent --show-error --fail-with-body --request POST "$base$1" \\
    --config <(printf 'header = "authorization: Bearer %s"\\n' "$LITELLM_MASTER_KEY") \\
    --header 'content-type: application/json' --data-binary @-
}

# key TEAM VARIABLE ALIAS LIMITS: the last two are members of a JSON object, without its braces.
key() {
  local team=$1 own=\${!2:-} alias=$3 limits=$4
  if [ -n "$own" ] && [[ ! $own =~ ^sk-[A-Za-z0-9_.-]+$ ]]; then
    echo "$2: a key is sk- followed by letters, digits, and _ . -" >&2
    exit 2
  fi
  if [ -n "$own" ] && post /key/update "{\\"key\\":\\"$own\\",$limits}" >/dev/null 2>&1; then
    echo "$team: updated"
  elif [ -n "$own" ]; then
    post /key/generate "{\\"key\\":\\"$own\\",$alias,$limits}" >/dev/null
    echo "$team: its key is known to the proxy"
  else
    echo "$team:"
    post /key/generate "{$alias,$limits}"
    echo
  fi
}

${teams.map(([name, team]) => keyCall(name, team, policy)).join('\n')}
`
}

function keyCall(name: string, team: TeamPolicy, policy: Policy): string {
  const members = (object: object) => quoted(JSON.stringify(object).slice(1, -1))
  const several = (team.keys?.length ?? 0) > 1
  const warning = several
    ? `# The policy lists ${team.keys?.length} keys of this team: each would have the whole limits. One is made here.\n`
    : ''
  const facts = [members({ key_alias: name }), members(limitsOf(team, policy))]
  return `${warning}key ${quoted(name)} ${variableOf(name)} ${facts.join(' ')}`
}

/** Fields of LiteLLM's `/key/generate`. */
function limitsOf(team: TeamPolicy, policy: Policy) {
  const { rpm, tpm, usdPerDay, agents, cache } = team
  return {
    models: team.models ?? modelsOf(policy),
    ...(rpm === undefined ? {} : { rpm_limit: rpm }),
    ...(tpm === undefined ? {} : { tpm_limit: tpm }),
    ...(usdPerDay === undefined ? {} : { max_budget: usdPerDay, budget_duration: '1d' }),
    ...(policy.paidPassThrough === 'refuse' ? { allowed_routes: GOVERNED } : {}),
    metadata: {
      ...(agents === undefined ? {} : { agents }),
      // What a key says of the cache takes the place of what its requests say.
      ...(cache === false || cache?.exact === false ? { cache: { 'no-cache': true, 'no-store': true } } : {}),
    },
  }
}

const GOVERNED = ['/chat/completions', '/responses', '/embeddings', '/completions', '/models'].flatMap(
  (path) => [path, `/v1${path}`],
)

/** As a name in an environment. */
const variableOf = (team: string) => `LLM_GATEWAY_KEY_${team.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`

/** One word to a shell, whatever is in it. */
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`
