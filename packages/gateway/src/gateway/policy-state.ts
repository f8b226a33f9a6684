import { type CompiledPolicy, compilePolicy } from '../config/compiled-policy.ts'
import type { Settings } from '../config/settings.ts'
import type { Log } from '../core/log-codes.ts'
import { applySwitches } from '../policy/apply-switches.ts'
import type { Live } from '../policy/live/live.ts'
import type { Credential } from './credential.ts'

/** Holds the policy in force. A call ends under the one it began with. */
export function createPolicyState(settings: Settings, credential: Credential, log: Log) {
  const hasKey = credential !== 'none' || settings.custody
  let current = compilePolicy(settings.policy, { settings, hasKey, log, switches: {} })
  return {
    current: (): CompiledPolicy => current,
    /** Puts a live policy and its switches in force. */
    adopt(live: Live): void {
      const policy = settings.applyClientCacheOptions(applySwitches(live))
      current = compilePolicy(policy, { settings, hasKey, log, switches: live.switches })
    },
  }
}
