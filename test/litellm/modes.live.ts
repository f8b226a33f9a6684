import { describe, expect, test } from 'vitest'
import { behaviours, type Mode } from './behaviours.ts'
import { house } from './house.ts'
import { litellmConfig, policy } from './support.ts'

const home = house(() => litellmConfig(policy, '--auth', 'file'))
const MODES: Mode[] = ['embedded', 'litellm', 'direct']

describe.each(Object.entries(behaviours))('%s', (_name, { see, unlike = {} }) => {
  let embedded: unknown

  test.each(MODES)('in mode %s', async (mode) => {
    const client = home.deployed(mode, 'support', 'prod_customer')
    const as = (agent: string, team: string) => home.deployed(mode, agent, team)
    const seen = await see({ client, upstream: home.upstream, as })
    expect(client.gateway.stats().faults).toBe(0)
    if (mode === 'embedded') embedded = seen
    else expect(seen).toEqual(mode in unlike ? unlike[mode] : embedded)
  })
})
