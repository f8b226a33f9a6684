import { GatewayOptionsError } from '../../core/options-error.ts'
import type { Policy } from '../../core/policy.ts'
import type { RedisClient } from '../../redis/connect.ts'
import { createRedisConnection } from '../../redis/connection.ts'
import { checkPolicy } from '../load.ts'
import { type Change, changeOf, checkSwitches, harmless, MAX_VERSION } from './change.ts'
import { type Difference, differences } from './diff.ts'
import type { Switches } from './live.ts'
import { type Ask, find, put, remembered } from './store.ts'

/** What Redis holds. `version` 0 and no change: nothing was ever changed live, or it is gone. */
export type PolicyState = {
  version: number
  change?: Change
  /** Why no process obeys what is there. The next change takes its place. */
  broken?: string
  /** Where there is no change, or a broken one: the newest that is whole, which running processes may go by still. */
  last?: Change
}

/** Who changes it, why, and what they have seen. */
export type ChangeInfo = {
  /** At most 100 characters. @default 'a program' */
  by?: string
  /** At most 500 characters. */
  comment?: string
  /** The version that the change is made from; another one in force is a conflict. @default whichever is in force */
  base?: number
}

/** `told`: how many processes were listening, where Redis is one server. */
export type AppliedChange = Change & { told: number }

/** What is in force for all processes at one Redis, and how to change it. Every change is whole or not made at all. */
export type PolicyStore = {
  read: () => Promise<PolicyState>
  /** The last 50 changes, the newest first; fewer where they are large. What cannot be read any more is left out. */
  history: () => Promise<Change[]>
  /** A policy as it would be put in force. @throws GatewayOptionsError naming each field at fault. */
  check: (policy: unknown) => Policy
  /** Puts a policy in force. Switches stay. @throws GatewayOptionsError naming each field at fault. */
  push: (policy: Policy, note?: ChangeInfo) => Promise<AppliedChange>
  /** Each process goes by its own policy again. Switches stay. */
  clear: (note?: ChangeInfo) => Promise<AppliedChange>
  /** Changes the switches: what `change` returns is in force instead. @throws GatewayOptionsError naming each field at fault. */
  switch: (change: (switches: Switches) => Switches, note?: ChangeInfo) => Promise<AppliedChange>
  /** Puts in force what was in force at a version; `keepSwitches`: its policy only. @default the version before this one */
  rollback: (to?: number, note?: ChangeInfo & { keepSwitches?: boolean }) => Promise<AppliedChange>
  /** What differs between what is in force and this, field by field. */
  diff: (next: { policy?: Policy; switches?: Switches }) => Promise<Difference[]>
  close: () => void
}

/** Somebody else changed it first. Nothing was changed. */
export class PolicyConflict extends Error {
  override name = 'PolicyConflict' as const
  readonly code = 'gateway_policy_conflict' as const
  readonly base: number
  /** What is in force since. */
  readonly standing: PolicyState
  /** What it changed. */
  readonly changes: Difference[]

  constructor(base: number, standing: PolicyState, changes: Difference[]) {
    super(messageOf(base, standing, changes))
    this.base = base
    this.standing = standing
    this.changes = changes
  }
}

const DEADLINES = { deadlineMs: 5_000, connectMs: 5_000 }
const EVERYTHING = { switches: {} }

/** `vet`: what else speaks against a policy that is pushed, a line for each field at fault. */
export function createPolicyStore(
  redis: string | RedisClient,
  vet: (policy: Policy) => Promise<string[]>,
): PolicyStore {
  const link = createRedisConnection(redis, { ...DEADLINES, onChange: () => undefined })
  const ask: Ask = link.run

  async function read(): Promise<PolicyState> {
    const { version, text = '' } = await find(ask, 0)
    if (version < 0)
      return await lacking({ version: 0, broken: 'what lies in its place is not a live policy' })
    if (version === 0) return await lacking({ version: 0 })
    try {
      return { version, change: changeOf(text, version) }
    } catch (error) {
      if (error instanceof GatewayOptionsError) return await lacking({ version, broken: error.message })
      throw error
    }
  }

  async function lacking(standing: PolicyState): Promise<PolicyState> {
    const [last] = await history()
    return { ...standing, ...(last && { last }) }
  }

  async function history(): Promise<Change[]> {
    return (await remembered(ask)).flatMap(readable)
  }

  async function change(
    what: string,
    next: (now: Pick<Change, 'policy' | 'switches'>) => Pick<Change, 'policy' | 'switches'>,
    { by = 'a program', comment, base }: ChangeInfo = {},
  ): Promise<AppliedChange> {
    const standing = await read()
    if (base !== undefined && base !== standing.version) throw await conflict(base)
    if (standing.version >= MAX_VERSION)
      throw new Error(
        `Version ${standing.version} in Redis leaves no room for another: delete the key gw:{policy}:live.`,
      )
    const now = new Date()
    const made: Change = {
      version: Math.max(versionAt(now), standing.version + 1),
      at: now.toISOString(),
      by,
      ...(comment === undefined || comment === '' ? {} : { comment }),
      what,
      ...next(standing.change ?? standing.last ?? EVERYTHING),
    }
    const told = await put(ask, standing.version, made)
    if (told === undefined) throw await conflict(standing.version)
    return { ...made, told }
  }

  async function conflict(base: number): Promise<PolicyConflict> {
    const standing = await read()
    const before = base === 0 ? EVERYTHING : (await history()).find(({ version }) => version === base)
    const now = standing.change ?? EVERYTHING
    return new PolicyConflict(
      base,
      standing,
      before === undefined ? [] : differences(seen(before), seen(now)),
    )
  }

  return {
    read,
    history,
    check: checked,
    async push(policy, note) {
      const whole = checked(policy)
      const problems = await vet(whole)
      if (problems.length > 0) throw new GatewayOptionsError(problems.join('\n'))
      return await change('push', ({ switches }) => ({ policy: whole, switches }), note)
    },
    clear: (note) => change('clear', ({ switches }) => ({ switches }), note),
    switch: (turn, note) =>
      change(
        'switch',
        ({ policy, switches }) => ({
          ...(policy && { policy }),
          switches: checkSwitches(turn(structuredClone(switches))),
        }),
        note,
      ),
    async rollback(to, note) {
      const changes = await history()
      const { version } = await read()
      const then = changes.find((change) =>
        to === undefined ? version === 0 || change.version < version : change.version === to,
      )
      if (then === undefined) throw new GatewayOptionsError(unknownVersion(to, changes))
      const { policy, switches } = then
      return await change(
        `rollback to ${then.version}`,
        (now) => ({ ...(policy && { policy }), switches: note?.keepSwitches ? now.switches : switches }),
        { base: version, ...note },
      )
    },
    async diff(next) {
      const { change: now = EVERYTHING } = await read()
      return differences(seen(now), seen({ ...now, ...next }))
    },
    close: link.close,
  }
}

function checked(policy: unknown): Policy {
  harmless(policy, 0)
  return checkPolicy(policy, '')
}

const readable = (text: string): Change[] => {
  try {
    const { version } = JSON.parse(text) as { version: number }
    return [changeOf(text, version)]
  } catch {
    return []
  }
}

/** As people see it: a policy's fields by their names, those of switches under `switches`. */
const seen = ({ policy, switches }: Pick<Change, 'policy' | 'switches'>) => ({ ...policy, switches })

/** Two lives of a Redis that was flushed, and two clocks that are nearly right, never have a version in common. */
const versionAt = (now: Date): number => Number(now.toISOString().replace(/\D/g, '').slice(0, 14))

function unknownVersion(to: number | undefined, changes: Change[]): string {
  if (to === undefined) return 'there is no version before this one'
  const known = changes.slice(0, 5).map(({ version }) => version)
  return `there is no version ${to}${known.length > 0 ? `; the last were ${known.join(', ')}` : ''}`
}

function messageOf(base: number, { version, change }: PolicyState, changes: Difference[]): string {
  const start =
    change === undefined
      ? `Version ${base} is gone, and ${version === 0 ? 'nothing' : `version ${version}`} is in its place`
      : `${change.by} was faster: version ${version} (${change.what}, ${change.at})`
  const comment = change?.comment === undefined ? '' : ` "${change.comment}"`
  const what = changes.map(
    ({ path, from, to }) => `\n  ${path}: ${JSON.stringify(from)} -> ${JSON.stringify(to)}`,
  )
  return `${start}${comment}. Nothing was changed.${what.join('')}`
}
