import { GatewayOptionsError, loadPolicy, openPolicyStore } from '@hotdash/llm-gateway/policy'
import { counted } from '../cli/format.ts'
import { type Finding, findingsOf, type Probe } from './finding.ts'

const { ok, warning, problem } = findingsOf('policy')

/** Checks the policy of the environment, and the live one where Redis has one. */
export const probePolicy: Probe = async ({ env, policy: path }) => {
  const source = path ?? (env.LLM_GATEWAY_POLICY || undefined)
  try {
    const policy = loadPolicy(source)
    const teams = Object.entries(policy.teams ?? {})
    const without = teams.filter(([, { keys }]) => (keys ?? []).length === 0).map(([name]) => name)
    return [
      ok(`${source ?? "HotDash's own policy"}: version ${policy.version}, ${counted(teams.length, 'team')}`),
      ...(without.length === 0
        ? [ok('every team has a key')]
        : [
            warning(
              `${without.join(', ')}: no key, so serve refuses these teams`,
              'llm-gateway secrets generate writes the hashes of team keys into the policy.',
            ),
          ]),
      ...(env.LLM_GATEWAY_REDIS_URL ? await probeLive(env.LLM_GATEWAY_REDIS_URL) : []),
    ]
  } catch (error) {
    if (!(error instanceof GatewayOptionsError)) throw error
    return [problem(error.message, 'Correct the fields that it names.')]
  }
}

async function probeLive(redis: string): Promise<Finding[]> {
  const store = openPolicyStore({ redis })
  try {
    const { version, change, broken } = await store.read()
    if (broken !== undefined)
      return [problem(`the live policy is broken: ${broken}`, 'llm-gateway policy rollback')]
    const switches = Object.keys(change?.switches ?? {})
    return [
      ok(version === 0 ? 'no live policy: each process uses its file' : `live policy: version ${version}`),
      ...(switches.length === 0
        ? []
        : [
            warning(
              `switches are set: ${switches.join(', ')}`,
              'llm-gateway switch list, if that is not intended.',
            ),
          ]),
    ]
  } catch {
    // The probe of Redis says why.
    return [problem('the live policy cannot be read', 'Redis must answer.')]
  } finally {
    store.close()
  }
}
