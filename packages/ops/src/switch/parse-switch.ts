import type { Mode, Switches } from '@hotdash/llm-gateway/policy'
import { refuseSurplus } from '../cli/subcommand.ts'
import { suggest } from '../cli/suggest.ts'
import { UsageError } from '../core/command.ts'

/** A change of the switches, as words of the command line describe it. */
export type SwitchChange = {
  /** Returns the switches with the change applied. Never changes its argument. */
  apply: (switches: Switches) => Switches
  /** Names that the words refer to, to be looked up in the policy. */
  names: { agent?: string; team?: string; models?: string[] }
}

/** Options of `llm-gateway switch` as typed. `usd`: US dollars a day. */
export type SwitchOptions = {
  agent?: string | undefined
  rpm?: string | undefined
  tpm?: string | undefined
  usd?: string | undefined
}

type Parser = (rest: string[], options: SwitchOptions) => SwitchChange
type AgentSwitches = NonNullable<Switches['agents']>[string]

const MODES = ['embedded', 'litellm', 'direct'] as const

/** Parsers of the remaining words, by the first word. */
const PARSERS: Record<string, Parser> = {
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
      apply: (switches) => withoutEmpty({ ...switches, agents: without(switches.agents, name) }),
      names: { agent: name },
    }
  },
  limits: ([team, word], { rpm, tpm, usd }) => {
    if (!team) throw new UsageError('Which team? As in: llm-gateway switch limits prod_ceo --rpm 30 --usd 10')
    if (word !== undefined && word !== 'reset') throw unexpectedWord(word, ['reset'])
    const limits = {
      ...(rpm === undefined ? {} : { rpm: parseNumber('--rpm', rpm, true) }),
      ...(tpm === undefined ? {} : { tpm: parseNumber('--tpm', tpm, true) }),
      ...(usd === undefined ? {} : { usdPerDay: parseNumber('--usd', usd, false) }),
    }
    const isEmpty = Object.keys(limits).length === 0
    if (isEmpty === (word === undefined))
      throw new UsageError('Say --rpm, --tpm or --usd (US dollars a day), or "reset", but not both.')
    const apply = ({ teams, ...rest }: Switches) =>
      withoutEmpty({
        ...rest,
        teams:
          word === 'reset' ? without(teams, team) : { ...teams, [team]: { ...teams?.[team], ...limits } },
      })
    return { apply, names: { team } }
  },
  model: ([from, to]) => {
    if (!from || !to)
      throw new UsageError('Which by which? As in: llm-gateway switch model gpt-4o gpt-4o-mini')
    if (from === to)
      throw new UsageError(
        `"${from}" cannot stand in for itself. To take the switch back: switch model ${from} reset`,
      )
    const apply = ({ models, ...rest }: Switches) =>
      withoutEmpty({ ...rest, models: to === 'reset' ? without(models, from) : { ...models, [from]: to } })
    return { apply, names: { models: to === 'reset' ? [] : [to] } }
  },
  reset: () => ({ apply: () => ({}), names: {} }),
}

/**
 * Parses the words after `llm-gateway switch`.
 *
 * @throws UsageError for an unknown word (with the word probably meant), a missing or surplus one, or an option that does
 * not belong to the switch
 * @example
 * parseSwitch(['cache', 'off'], {}).apply({ mode: 'direct' }) // { mode: 'direct', cache: 'off' }
 */
export function parseSwitch([what = '', ...rest]: string[], options: SwitchOptions): SwitchChange {
  const parse = Object.hasOwn(PARSERS, what) ? PARSERS[what] : undefined
  if (parse === undefined) throw unexpectedWord(what, [...Object.keys(PARSERS), 'show'])
  refuseSurplus(
    rest[what === 'agent' || what === 'limits' || what === 'model' ? 2 : what === 'reset' ? 0 : 1],
  )
  for (const [option, belongs] of [
    ['agent', ['mode', 'cache', 'semantic']],
    ['rpm', ['limits']],
    ['tpm', ['limits']],
    ['usd', ['limits']],
  ] as const)
    if (options[option] !== undefined && !(belongs as readonly string[]).includes(what))
      throw new UsageError(`--${option} is for "switch ${belongs.join('", "switch ')}".`)
  return parse(rest, options)
}

/** Changes the switches of one agent, or of all without `agent`. `undefined` takes a switch back. */
function forOneOrAll(
  agent: string | undefined,
  change: { [Key in keyof AgentSwitches]: AgentSwitches[Key] | undefined },
): SwitchChange {
  if (agent === undefined)
    return { apply: (switches) => withoutEmpty({ ...switches, ...change } as Switches), names: {} }
  const apply = ({ agents, ...rest }: Switches) =>
    withoutEmpty({ ...rest, agents: { ...agents, [agent]: { ...agents?.[agent], ...change } } } as Switches)
  return { apply, names: { agent } }
}

/** Removes members that are undefined, and objects that are empty. */
function withoutEmpty(switches: Switches): Switches {
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
  throw unexpectedWord(word, words)
}

function unexpectedWord(word: string, words: string[]): UsageError {
  const name = suggest(word, words)
  const hint = name === undefined ? `It is one of ${words.join(', ')}.` : `Did you mean "${name}"?`
  return new UsageError(
    word === '' ? `Switch what? ${words.join(', ')}` : `There is no "${word}" here. ${hint}`,
  )
}

function parseNumber(option: string, text: string, whole: boolean): number {
  const value = Number(text)
  if (text.trim() !== '' && value > 0 && Number.isFinite(value) && (!whole || Number.isInteger(value)))
    return value
  throw new UsageError(
    `${option} must be ${whole ? 'a whole number' : 'a number of dollars'} above 0, not "${text}".`,
  )
}
