import { expect, test } from 'vitest'
import type { Mode } from '../core/policy.ts'
import { type ModeInputs, modeInputs, modeReason, resolveMode } from './mode.ts'

/** Columns: agent switch, switch, option, agent policy, policy | proxy, key -> mode (reason). `-`: says nothing. */
const TABLE = `
  -        -        -        -        -        | no  yes -> embedded
  -        -        -        -        -        | yes yes -> embedded
  -        -        -        -        litellm  | yes yes -> litellm
  -        -        -        -        direct   | yes yes -> direct
  -        -        -        embedded litellm  | yes yes -> embedded
  -        -        -        direct   litellm  | no  yes -> direct
  -        -        embedded litellm  litellm  | yes yes -> embedded
  -        -        litellm  direct   embedded | yes yes -> litellm
  -        embedded litellm  direct   direct   | yes yes -> embedded
  -        direct   litellm  -        -        | yes yes -> direct
  embedded direct   litellm  -        -        | yes yes -> embedded
  litellm  direct   embedded -        -        | yes yes -> litellm
  direct   litellm  litellm  litellm  litellm  | yes yes -> direct
  litellm  -        -        -        -        | no  yes -> embedded GW_MODE_WITHOUT_PROXY
  -        litellm  -        direct   direct   | no  yes -> embedded GW_MODE_WITHOUT_PROXY
  -        litellm  embedded direct   direct   | no  yes -> embedded GW_MODE_WITHOUT_PROXY
  -        -        -        litellm  direct   | no  yes -> embedded GW_MODE_WITHOUT_PROXY
  -        -        -        -        -        | yes no  -> litellm  GW_MODE_WITHOUT_KEY
  direct   -        -        -        -        | yes no  -> litellm  GW_MODE_WITHOUT_KEY
  -        embedded litellm  -        -        | yes no  -> litellm  GW_MODE_WITHOUT_KEY
  -        -        litellm  -        -        | yes no  -> litellm
  -        -        -        -        -        | no  no  -> embedded
  direct   -        -        -        -        | no  no  -> direct
`
const rows = TABLE.trim()
  .split('\n')
  .map((line) => line.split(/\s+/).filter((word) => !['', '|', '->'].includes(word)))

const layer = (word: string | undefined) => (word === '-' ? undefined : (word as Mode | undefined))

test.each(rows.map((row) => [row.join(' '), row] as const))('%s', (_, row) => {
  const [agentSwitch, all, option, agentPolicy, policy, proxy, key, mode, reason] = row
  const resolved = resolveMode({
    startedDirect: false,
    agentSwitch: layer(agentSwitch),
    switch: layer(all),
    option: layer(option),
    agentPolicy: layer(agentPolicy),
    policy: layer(policy),
    hasProxy: proxy === 'yes',
    hasKey: key === 'yes',
  })
  expect([resolved.mode, resolved.reason]).toEqual([mode, reason])
})

const MODES = [undefined, 'embedded', 'litellm', 'direct'] as const
const LAYERS = ['agentSwitch', 'switch', 'option', 'agentPolicy', 'policy'] as const

/** Every combination. */
function* all(): Generator<ModeInputs> {
  for (let number = 0; number < MODES.length ** LAYERS.length * 8; number += 1) {
    const digits = LAYERS.map((_, at) => MODES[Math.floor(number / 8 / MODES.length ** at) % MODES.length])
    const [agentSwitch, everywhere, option, agentPolicy, policy] = digits
    const [startedDirect, hasProxy, hasKey] = [1, 2, 4].map((bit) => (number & bit) !== 0) as [
      boolean,
      boolean,
      boolean,
    ]
    yield { startedDirect, agentSwitch, switch: everywhere, option, agentPolicy, policy, hasProxy, hasKey }
  }
}

test('a program started in mode direct stays there', () => {
  for (const inputs of all())
    if (inputs.startedDirect) expect(resolveMode(inputs)).toEqual({ mode: 'direct', wanted: 'direct' })
})

test('the strongest layer that says something is wanted, and layers below it change nothing', () => {
  for (const inputs of all()) {
    if (inputs.startedDirect) continue
    const at = LAYERS.findIndex((name) => inputs[name] !== undefined)
    const strongest = LAYERS[at]
    expect(resolveMode(inputs).wanted).toBe(strongest === undefined ? 'embedded' : inputs[strongest])
    if (strongest === undefined) continue
    // The option stays: it is what an impossible mode falls back on.
    const below = LAYERS.slice(at + 1).filter((name) => name !== 'option')
    const bare = { ...inputs, ...Object.fromEntries(below.map((name) => [name, undefined])) }
    expect(resolveMode(bare)).toEqual(resolveMode(inputs))
  }
})

test('no call goes through a proxy that is not there, or to upstream without a key where there is a proxy', () => {
  for (const inputs of all()) {
    const { mode, wanted, reason } = resolveMode(inputs)
    if (inputs.startedDirect) continue
    if (mode === 'litellm' && !inputs.hasProxy) expect(inputs.option).toBe('litellm')
    if (mode !== 'litellm') expect(inputs.hasKey || !inputs.hasProxy).toBe(true)
    if (reason === undefined) expect(mode).toBe(wanted)
    else expect(modeReason({ mode, wanted })).toContain(`mode ${wanted} is switched on`)
  }
})

test('names of members of Object.prototype are agents like others', () => {
  const own = { startedDirect: false, option: undefined, hasProxy: true, hasKey: true }
  for (const agent of ['constructor', '__proto__', 'toString', undefined])
    expect(modeInputs({ agents: {} }, { agents: {} }, agent, own)).toEqual({
      ...own,
      agentSwitch: undefined,
      switch: undefined,
      agentPolicy: undefined,
      policy: undefined,
    })
})
