import type { Mode, Policy, TeamPolicy } from '../../core/policy.ts'

/** What operators turn, without writing a policy. Absent: as the policy says. */
export type Switches = {
  mode?: Mode
  /** No answer is cached, or given from a cache. */
  cache?: 'off'
  semantic?: 'off' | 'shadow'
  agents?: Record<
    string,
    {
      mode?: Mode
      /** Its calls are refused. */
      off?: true
      cache?: 'off'
      semantic?: 'off' | 'shadow'
    }
  >
  teams?: Record<string, Pick<TeamPolicy, 'rpm' | 'tpm' | 'usdPerDay'>>
  /** Who answers instead of a model, wherever that one was chosen or named. */
  models?: Record<string, string>
}

/** What is in force: a policy, and what is switched over it. */
export type Live = {
  /** Rises with each change, of the policy or of a switch; 0: nothing was ever changed live. */
  version: number
  policy: Policy
  switches: Switches
}
