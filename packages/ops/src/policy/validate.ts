import type { Policy } from '@hotdash/llm-gateway'
import { GatewayOptionsError, loadPolicy, unpricedChoices } from '@hotdash/llm-gateway/policy'
import { counted, printable } from '../cli/format.ts'
import { printFailure, printJson, printLine } from '../cli/output.ts'
import { styleFor } from '../cli/style.ts'
import { didYouMean } from '../cli/subcommand.ts'
import { UsageError } from '../core/command.ts'
import { readJson } from './file.ts'

/** Checks a policy without a Redis. Returns 1 where `push` and a starting process would refuse it. */
export async function validate(operand: string | undefined, json: boolean): Promise<number> {
  if (operand === undefined)
    throw new UsageError('Validate which? A file with a policy as JSON, or - for standard input.')
  const { policy, problems } = await check(readJson(operand))
  const warnings = policy === undefined ? [] : warningsOf(policy)
  const exitCode = problems.length === 0 ? 0 : 1
  if (json) {
    printJson({ valid: exitCode === 0, problems, warnings })
    return exitCode
  }
  const style = styleFor(process.stdout)
  for (const warning of warnings) printLine(`${style('yellow', 'Warning:')} ${printable(warning)}`)
  if (problems.length > 0) return printFailure(problems.map(printable).join('\n'))
  const { teams = {}, models = {} } = policy ?? {}
  const agents = Object.values(teams).flatMap(({ agents = [] }) => agents)
  return printLine(
    `Valid: ${counted(Object.keys(teams).length, 'team')}, ${counted(agents.length, 'agent')}, ${counted(Object.keys(models).length, 'model')}.`,
  )
}

async function check(value: unknown): Promise<{ policy?: Policy; problems: string[] }> {
  try {
    const policy = loadPolicy(value as Policy)
    return { policy, problems: [...unlistedDefault(policy), ...(await unpricedChoices(policy))] }
  } catch (error) {
    if (!(error instanceof GatewayOptionsError)) throw error
    const problems = error.message.split('\n').map((line) => line.replace(/^gateway\.policy(\.|(?=:))/, ''))
    return { problems: [...problems.map((line) => line.replace(/^: /, 'policy: ')), ...defaultOf(value)] }
  }
}

/** The same of a policy that has other faults; where these are of its shape, there is nothing to compare. */
function defaultOf(value: unknown): string[] {
  try {
    return unlistedDefault(value as Policy)
  } catch {
    return []
  }
}

/** Finds a `routing.default` that the policy's models lack, where no team lists it: each call that names no model is refused. */
function unlistedDefault({ teams = {}, models, routing = {} }: Policy): string[] {
  const name = routing.default
  if (name === undefined || models === undefined || Object.hasOwn(models, name)) return []
  const all = Object.values(teams)
  // Calls outside teams may name any model.
  if (all.length === 0 || all.some((team) => team.models?.includes(name))) return []
  const names = Object.keys(models)
  const meant = didYouMean(name, names, '')
  return [`routing.default: "${name}" is not in models. ${meant ?? `They are: ${names.join(', ')}`}`]
}

/** Returns what is valid, and probably not meant. */
function warningsOf({ teams = {}, agents = {}, models, routing = {} }: Policy): string[] {
  const listed = new Set(Object.values(teams).flatMap(({ agents = [] }) => agents))
  const strays = Object.keys(agents).filter((name) => !listed.has(name))
  const fallback = routing.fallback || undefined
  return [
    ...(Object.keys(teams).length === 0 ? ['There is no team: every call is unlimited.'] : []),
    ...strays.map((name) => `agents.${name}: no team lists this agent, so its calls have no limits.`),
    ...Object.entries(teams).flatMap(([name, team]) => {
      const own = team.models ?? (models && Object.keys(models))
      const field = team.models === undefined ? 'models' : `teams.${name}.models`
      return [
        ...((team.agents ?? []).length + (team.keys ?? []).length === 0
          ? [`teams.${name}: it has no agent and no key, so no call belongs to it.`]
          : []),
        ...(own !== undefined && routing.default !== undefined && !own.includes(routing.default)
          ? [
              `${field}: routing.default (${routing.default}) is not in it, so calls of team ${name} without a model are refused.`,
            ]
          : []),
        ...(own !== undefined && fallback !== undefined && !own.includes(fallback)
          ? [`${field}: routing.fallback (${fallback}) is not in it, so nothing replaces a failing model.`]
          : []),
      ]
    }),
  ]
}
