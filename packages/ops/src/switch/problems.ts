import type { Policy } from '@hotdash/llm-gateway'
import { type Switches, unpricedChoices } from '@hotdash/llm-gateway/policy'
import { suggest } from '../cli/suggest.ts'
import type { SwitchChange } from './parse-switch.ts'

/**
 * Returns a sentence for each name of a switch that is probably mistyped: an agent or a team that the policy does not name,
 * a model without a price. Agents that are switched already are known: their switches can be taken back.
 */
export async function problemsOf(
  { agent, team, models = [] }: SwitchChange['names'],
  policy: Policy,
  { agents: switched = {} }: Switches,
): Promise<string[]> {
  const { teams = {}, agents: described = {} } = policy
  const listed = Object.values(teams).flatMap(({ agents = [] }) => agents)
  const agents = [...new Set([...listed, ...Object.keys(described)])]
  return [
    ...unknown(
      agent,
      [...agents, ...Object.keys(switched)],
      (name) => `No team of the policy lists an agent "${name}"`,
    ),
    ...unknown(team, Object.keys(teams), (name) => `The policy has no team "${name}"`),
    ...(await Promise.all(models.map((model) => unpriced(model, policy)))).flat(),
  ]
}

function unknown(name: string | undefined, names: string[], sentence: (name: string) => string): string[] {
  return name === undefined || names.includes(name) ? [] : [`${sentence(name)}${suggestion(name, names)}`]
}

/** A team with a limit in US dollars is refused a model without a price. */
async function unpriced(model: string, { teams = {}, models = {} }: Policy): Promise<string[]> {
  const problems = await unpricedChoices({ teams, models, routing: { default: model } })
  const known = Object.keys(models)
  return problems.length === 0
    ? []
    : [
        `The price of "${model}" is unknown, so it is refused to teams with a limit in US dollars${suggestion(model, known)}`,
      ]
}

function suggestion(typed: string, names: string[]): string {
  const name = suggest(typed, names)
  return name === undefined ? '.' : `; did you mean "${name}"?`
}
