import type { Mode, Policy, TeamPolicy } from '../../core/policy.ts'

/** Settings that operators change without writing a policy. Absent: as in the policy. */
export type Switches = {
  mode?: Mode
  /** Switches all caches off: nothing is stored or served. */
  cache?: 'off'
  semantic?: 'off' | 'shadow'
  agents?: Record<
    string,
    {
      mode?: Mode
      /** `true`: its calls are refused. */
      disabled?: true
      cache?: 'off'
      semantic?: 'off' | 'shadow'
    }
  >
  teams?: Record<string, Pick<TeamPolicy, 'rpm' | 'tpm' | 'usdPerDay'>>
  /** Maps a model to the one that answers in its place, whether it was chosen or named. */
  models?: Record<string, string>
}

/** The state in force: a policy, and the switches on top of it. */
export type Live = {
  /** Rises with each change of the policy or a switch; 0: no live change was ever made. */
  version: number
  policy: Policy
  switches: Switches
}
