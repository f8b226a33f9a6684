import type { Policy } from '@hotdash/llm-gateway'
import { type Auth, configYaml } from './config.ts'
import { customAuth } from './custom-auth.ts'
import { keysScript } from './keys-script.ts'

/** All that a LiteLLM proxy needs to enforce this policy, by file name. */
export const litellmConfig = (policy: Policy, auth: Auth = 'database'): Record<string, string> => ({
  'config.yaml': configYaml(policy, auth),
  ...(auth === 'database' ? { 'keys.sh': keysScript(policy) } : { 'custom_auth.py': customAuth(policy) }),
})
