import { WAYS } from '../behaviours/agent.ts'
import { policy } from '../behaviours/policy.ts'
import { behave } from '../behaviours/run.ts'
import { house } from './house.ts'
import { litellmConfig, withPoorKey } from './support.ts'

const home = house(() => withPoorKey(litellmConfig(policy, '--auth', 'file')))

behave(WAYS, () => home.world)
