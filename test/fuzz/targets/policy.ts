import { deepEqual, ok } from 'node:assert/strict'
import { GatewayOptionsError } from '#src/core/options-error.ts'
import type { Policy } from '#src/core/policy.ts'
import { createDirectory } from '#src/identify/directory.ts'
import { applySwitches } from '#src/policy/apply-switches.ts'
import { changeOf } from '#src/policy/live/change.ts'
import { differences } from '#src/policy/live/diff.ts'
import type { Live } from '#src/policy/live/live.ts'
import { checkPolicy } from '#src/policy/load.ts'
import type { Target } from '../engine.ts'

const AGENTS = ['a', 'b', 'constructor', '__proto__', 'toString', '']

/** Runs; `undefined` where the input is refused by name. */
function checked<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch (error) {
    if (error instanceof GatewayOptionsError && error.message !== '') return undefined
    throw error
  }
}

/** Policies of files and of Redis, where any client may have written: refused by name, or in force as they read. */
export const target: Target = {
  seeds: [
    'p{"teams":{"t":{"agents":["a"],"rpm":1,"tpm":2,"usdPerDay":3,"models":["m"]}},"models":{"m":{"input":1,"output":2}},"routing":{"default":"m","fallback":"m","aliases":{"x":"m"},"escalate":{"above":9,"to":"n"}},"agents":{"a":{"disabled":true,"mode":"direct"}}}',
    'p{"teams":{"t":{"agents":["b"],"keys":["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"],"requireKey":true,"onLimit":"wait","maxWaitMs":5,"onRedisUnavailable":{"leased":0.1,"allowanceUsd":1}}},"cache":{"exact":{"ttlSeconds":1},"semantic":false,"shared":true},"timezone":"Europe/Berlin"}',
    'c{"format":1,"version":5,"at":"2026-11-23","by":"me","what":"push","policy":{"teams":{"t":{"agents":["a"],"cache":{"semantic":{"mode":"on","guards":["numbers"]}}}},"agents":{"a":{"cache":false}},"routing":{"default":"m"}},"switches":{"mode":"direct","cache":"off","semantic":"shadow","models":{"m":"n"},"agents":{"a":{"disabled":true,"mode":"litellm","semantic":"off"}},"teams":{"t":{"rpm":5,"tpm":5,"usdPerDay":1}}}}',
  ],
  run(input) {
    const text = input.toString('utf8', 1)
    if (input[0] === 0x63) {
      const change = checked(() => changeOf(text, 5))
      if (change !== undefined) use(change.policy ?? {}, change.switches)
      return
    }
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch {
      return
    }
    const policy = checked(() => checkPolicy(value, ''))
    if (policy === undefined) return
    deepEqual(checkPolicy(JSON.parse(JSON.stringify(policy)), ''), policy, 'written and read, it differs')
    ok(differences(policy, policy).length === 0)
    use(policy, {})
  },
}

function use(policy: Policy, switches: Live['switches']): void {
  const inForce = applySwitches({ version: 1, policy, switches })
  const log = () => undefined
  const resolve = createDirectory(inForce, log, () => 'embedded')
  for (const agent of AGENTS)
    for (const key of [undefined, 'key']) {
      const caller = resolve({ agent, key, team: undefined })
      ok(typeof caller.team === 'string' && caller.agent !== undefined)
      const team = Object.entries(inForce.teams ?? {}).find(([, { agents = [] }]) => agents.includes(agent))
      // Oracle: the agent's own team, its limits and its models, or a refusal.
      if (team !== undefined && key === undefined && caller.refusal === undefined) {
        deepEqual(caller.team, team[0])
        deepEqual(caller.limits?.rpm, team[1].rpm)
      }
    }
}
