import type { Policy } from '@hotdash/llm-gateway'
import { modelNames } from './models.ts'

/**
 * Returns `custom_auth.py`, which authenticates team keys by their SHA-256 without a database. LiteLLM then enforces
 * models, rpm and tpm, but not dollars.
 */
export function customAuth(policy: Policy): string {
  const teams = Object.entries(policy.teams ?? {}).flatMap(([name, team]) => {
    const { rpm, tpm, keys = [] } = team
    const fields = {
      key_alias: name,
      models: team.models ?? modelNames(policy),
      ...(rpm === undefined ? {} : { rpm_limit: rpm }),
      ...(tpm === undefined ? {} : { tpm_limit: tpm }),
    }
    return keys.map((sha256) => `    ${JSON.stringify(sha256.toLowerCase())}: ${JSON.stringify(fields)},`)
  })
  const without = Object.entries(policy.teams ?? {}).filter(([, { keys = [] }]) => keys.length === 0)
  const missing =
    without.length === 0
      ? ''
      : `# The policy lists no key of ${without.map(([name]) => JSON.stringify(name)).join(', ')}, so it cannot authenticate.\n`
  return `"""Made by \`llm-gateway litellm-config --auth file\`: team keys without a database. Change the policy, not this file."""

import hashlib

from litellm.proxy._types import LitellmUserRoles, ProxyErrorTypes, ProxyException, UserAPIKeyAuth
from litellm.proxy.auth.auth_checks import can_key_call_model
from litellm.proxy.common_utils.http_parsing_utils import _read_request_body

${missing}TEAMS = {
${teams.join('\n')}
}


async def authenticate(request, api_key: str) -> UserAPIKeyAuth:
    sha256 = hashlib.sha256(api_key.encode()).hexdigest()
    team = TEAMS.get(sha256)
    if team is None:
        raise ProxyException(
            message="Authentication Error: no team of the policy has this key.",
            type=ProxyErrorTypes.token_not_found_in_db,
            param="key",
            code=401,
        )
    known = UserAPIKeyAuth(
        api_key=api_key, token=sha256, user_role=LitellmUserRoles.INTERNAL_USER, **team
    )
    model = (await _read_request_body(request=request)).get("model")
    if isinstance(model, str):
        # LiteLLM checks the model only for keys of its own database, not after a custom authentication.
        from litellm.proxy.proxy_server import llm_model_list, llm_router

        await can_key_call_model(
            model=model, llm_model_list=llm_model_list, valid_token=known, llm_router=llm_router
        )
    return known
`
}
