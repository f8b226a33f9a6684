import type { Caller } from '../core/caller.ts'
import type { PastCall } from './past-call.ts'

/**
 * Returns the key of a call's answer: as in the gateway, agents of one team share it, and teams only where the policy lets
 * them. Each part is quoted, so that parts cannot blend.
 * @param id tells a call apart that is the same as no other
 */
export function keyOf(
  { operation, question }: PastCall,
  { team, crossTeamCache }: Caller,
  model: string,
  id: string,
): string {
  const partition = crossTeamCache ? null : team
  const asked = question === undefined ? { alone: id } : question
  return JSON.stringify([partition, operation, model, asked])
}
