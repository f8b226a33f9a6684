/** Source of a policy: live in Redis, or from the start of the process. */
export type PolicySource = 'redis' | 'option' | 'file' | 'default'

export type PolicyStats = {
  /** Version in force; 0: no live change was ever made. */
  version: number
  /** Source of the policy. With a `version`, the switches of that version apply on top. */
  source: PolicySource
  /** When it came into force, in milliseconds since the epoch. Absent: at the start of the program. */
  followedAt?: number
  /** Version in Redis that is ignored, and the reason. */
  refused?: { version: number; why: string }
}
