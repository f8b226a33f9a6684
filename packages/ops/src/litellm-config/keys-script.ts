import type { Policy, TeamPolicy } from '@hotdash/llm-gateway'
import { modelNames } from './models.ts'

/** Returns `keys.sh`, a Bash script that creates or updates one key for each team on a running proxy. */
export function keysScript(policy: Policy): string {
  const teams = Object.entries(policy.teams ?? {})
  return `#!/usr/bin/env bash
# Made by \`llm-gateway litellm-config\` from the gateway's policy. Run it against a proxy with a database:
#   LITELLM_BASE_URL=https://... LITELLM_MASTER_KEY=sk-... ./keys.sh
# A team's key is the value of its variable (LLM_GATEWAY_KEY_<TEAM>, beginning with sk-), if set; otherwise LiteLLM makes
# one and prints it once. Run the script again after a change of policy: existing keys are updated.
set -euo pipefail
: "\${LITELLM_BASE_URL:?set it to the address of the proxy}" "\${LITELLM_MASTER_KEY:?set it to the master key}"
base=\${LITELLM_BASE_URL%/}; base=\${base%/v1}

# post PATH BODY: prints the answer; fails unless the status is 2xx. Passes keys by file, not by argument.
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
    ? `# The policy lists ${team.keys?.length} keys of this team. Each would have the whole limits, so only one is made here.\n`
    : ''
  const fields = [members({ key_alias: name }), members(keyLimits(team, policy))]
  return `${warning}key ${quoted(name)} ${variableOf(name)} ${fields.join(' ')}`
}

/** Returns the limits of a team as fields of LiteLLM's `/key/generate`. */
function keyLimits(team: TeamPolicy, policy: Policy) {
  const { rpm, tpm, usdPerDay, agents, cache } = team
  return {
    models: team.models ?? modelNames(policy),
    ...(rpm === undefined ? {} : { rpm_limit: rpm }),
    ...(tpm === undefined ? {} : { tpm_limit: tpm }),
    ...(usdPerDay === undefined ? {} : { max_budget: usdPerDay, budget_duration: '1d' }),
    ...(policy.paidPassThrough === 'refuse' ? { allowed_routes: GOVERNED_ROUTES } : {}),
    metadata: {
      ...(agents === undefined ? {} : { agents }),
      // A key's cache settings override those of its requests.
      ...(cache === false || cache?.exact === false ? { cache: { 'no-cache': true, 'no-store': true } } : {}),
    },
  }
}

const GOVERNED_ROUTES = ['/chat/completions', '/responses', '/embeddings', '/completions', '/models'].flatMap(
  (path) => [path, `/v1${path}`],
)

/** Returns the name of the environment variable that holds a team's key. */
const variableOf = (team: string) => `LLM_GATEWAY_KEY_${team.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`

/** Quotes a text as one word of a shell. */
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`
