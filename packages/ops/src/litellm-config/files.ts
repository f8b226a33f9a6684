import type { Policy } from '@hotdash/llm-gateway'
import type { Auth } from './auth.ts'
import { configYaml } from './config.ts'
import { customAuth } from './custom-auth.ts'
import { keysScript } from './keys-script.ts'

/** Returns the files that make a LiteLLM proxy enforce this policy, by name. */
export const litellmConfig = (policy: Policy, auth: Auth = 'database'): Record<string, string> => ({
  'config.yaml': configYaml(policy, auth),
  ...(auth === 'database' ? { 'keys.sh': keysScript(policy) } : { 'custom_auth.py': customAuth(policy) }),
})
