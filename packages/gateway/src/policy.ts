export { applied } from './policy/applied.ts'
export {
  type Made,
  type Note,
  openPolicyStore,
  PolicyConflict,
  type PolicyStore,
  type Standing,
} from './policy/live/admin.ts'
export type { Change } from './policy/live/change.ts'
export { checkSwitches } from './policy/live/change.ts'
export { type Difference, differences } from './policy/live/diff.ts'
export { unpricedChoices } from './policy/live/priced.ts'
export type { Live, Mode, Switches } from './policy/live.ts'
