import type { Mode, Switches } from '@hotdash/llm-gateway/policy'
import { UsageError } from '../command.ts'
import { nearest } from '../nearest.ts'

/** What a switch does to the switches that are set. `names`: what the words name, to be looked up in the policy. */
export type Turn = {
  turned: (switches: Switches) => Switches
  names: { agent?: string; team?: string; models?: string[] }
}

export type TurnOptions = {
  agent?: string | undefined
  rpm?: string | undefined
  tpm?: string | undefined
  usd?: string | undefined
}

type Words = (rest: string[], options: TurnOptions) => Turn
type AgentSwitches = NonNullable<Switches['agents']>[string]

const MODES = ['embedded', 'litellm', 'direct'] as const

/** By the first word. */
const TURNS: Record<string, Words> = {
  mode: ([word], { agent }) => {
    const mode = oneOf('mode', word, [...MODES, 'reset'])
    return forOneOrAll(agent, mode === 'reset' ? { mode: undefined } : { mode: mode as Mode })
  },
  cache: ([word], { agent }) =>
    forOneOrAll(agent, { cache: oneOf('cache', word, ['off', 'on', 'reset']) === 'off' ? 'off' : undefined }),
  semantic: ([word], { agent }) => {
    const state = oneOf('semantic', word, ['off', 'shadow', 'on', 'reset'])
    return forOneOrAll(agent, { semantic: state === 'off' || state === 'shadow' ? state : undefined })
  },
  agent: ([name, word]) => {
    if (!name) throw new UsageError('Which agent? As in: llm-gateway switch agent seo off')
    const state = oneOf(`agent ${name}`, word, ['off', 'on', 'reset'])
    if (state !== 'reset') return forOneOrAll(name, { disabled: state === 'off' ? true : undefined })
    return {
      turned: (switches) => tidy({ ...switches, agents: without(switches.agents, name) }),
      names: { agent: name },
    }
  },
  limits: ([team, word], { rpm, tpm, usd }) => {
    if (!team) throw new UsageError('Which team? As in: llm-gateway switch limits prod_ceo --rpm 30 --usd 10')
    if (word !== undefined && word !== 'reset') throw unexpected(word, ['reset'])
    const limits = {
      ...(rpm === undefined ? {} : { rpm: number('--rpm', rpm, true) }),
      ...(tpm === undefined ? {} : { tpm: number('--tpm', tpm, true) }),
      ...(usd === undefined ? {} : { usdPerDay: number('--usd', usd, false) }),
    }
    const isEmpty = Object.keys(limits).length === 0
    if (isEmpty === (word === undefined))
      throw new UsageError('Say --rpm, --tpm or --usd (dollars a day), or "reset": one of both.')
    const turned = ({ teams, ...rest }: Switches) =>
      tidy({
        ...rest,
        teams:
          word === 'reset' ? without(teams, team) : { ...teams, [team]: { ...teams?.[team], ...limits } },
      })
    return { turned, names: { team } }
  },
  model: ([from, to]) => {
    if (!from || !to)
      throw new UsageError('Which by which? As in: llm-gateway switch model gpt-4o gpt-4o-mini')
    if (from === to)
      throw new UsageError(`"${from}" cannot stand in for itself; to undo it: switch model ${from} reset`)
    const turned = ({ models, ...rest }: Switches) =>
      tidy({ ...rest, models: to === 'reset' ? without(models, from) : { ...models, [from]: to } })
    return { turned, names: { models: to === 'reset' ? [] : [to] } }
  },
  reset: () => ({ turned: () => ({}), names: {} }),
}

/** @throws UsageError for what cannot be understood, with what was probably meant. */
export function turnOf([what = '', ...rest]: string[], options: TurnOptions): Turn {
  const turn = Object.hasOwn(TURNS, what) ? TURNS[what] : undefined
  if (turn === undefined) throw unexpected(what, [...Object.keys(TURNS), 'show'])
  const extra = rest[what === 'agent' || what === 'limits' || what === 'model' ? 2 : what === 'reset' ? 0 : 1]
  if (extra !== undefined) throw new UsageError(`"${extra}" is a word too many.`)
  for (const [option, belongs] of [
    ['agent', ['mode', 'cache', 'semantic']],
    ['rpm', ['limits']],
    ['tpm', ['limits']],
    ['usd', ['limits']],
  ] as const)
    if (options[option] !== undefined && !(belongs as readonly string[]).includes(what))
      throw new UsageError(`--${option} is for "switch ${belongs.join('", "switch ')}".`)
  return turn(rest, options)
}

/** `undefined` takes a switch back. */
function forOneOrAll(
  agent: string | undefined,
  change: { [Key in keyof AgentSwitches]: AgentSwitches[Key] | undefined },
): Turn {
  if (agent === undefined)
    return { turned: (switches) => tidy({ ...switches, ...change } as Switches), names: {} }
  const turned = ({ agents, ...rest }: Switches) =>
    tidy({ ...rest, agents: { ...agents, [agent]: { ...agents?.[agent], ...change } } } as Switches)
  return { turned, names: { agent } }
}

/** What switches nothing is not there. */
function tidy(switches: Switches): Switches {
  const clean = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value
    const kept = Object.entries(value)
      .map(([name, inner]) => [name, clean(inner)] as const)
      .filter(([, inner]) => inner !== undefined)
    return kept.length === 0 ? undefined : Object.fromEntries(kept)
  }
  return (clean(switches) ?? {}) as Switches
}

const without = <Value>(record: Record<string, Value> | undefined, name: string): Record<string, Value> =>
  Object.fromEntries(Object.entries(record ?? {}).filter(([other]) => other !== name))

function oneOf(what: string, word: string | undefined, words: string[]): string {
  if (word === undefined) throw new UsageError(`switch ${what}: to what? ${words.join(', ')}`)
  if (words.includes(word)) return word
  throw unexpected(word, words)
}

function unexpected(word: string, words: string[]): UsageError {
  const meant = nearest(word, words)
  const hint = meant === undefined ? `It is one of ${words.join(', ')}.` : `Did you mean "${meant}"?`
  return new UsageError(
    word === '' ? `Switch what? ${words.join(', ')}` : `There is no "${word}" here. ${hint}`,
  )
}

function number(option: string, text: string, whole: boolean): number {
  const value = Number(text)
  if (text.trim() !== '' && value > 0 && Number.isFinite(value) && (!whole || Number.isInteger(value)))
    return value
  throw new UsageError(
    `${option} must be ${whole ? 'a whole number' : 'a number of dollars'} above 0, not "${text}".`,
  )
}
