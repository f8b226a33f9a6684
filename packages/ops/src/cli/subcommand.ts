import { UsageError } from '../core/command.ts'
import { suggest } from './suggest.ts'

/** A subcommand, as in `llm-gateway policy push FILE`. */
export type Subcommand = {
  /** Whether it takes one operand. @default false */
  takesOperand?: boolean
  /** Runs it and returns the exit code. */
  run: (operand: string | undefined) => Promise<number> | number
}

/**
 * Runs the subcommand that the first positional argument names, and returns its exit code.
 *
 * @param hint sentence to add where there are more operands than the subcommand takes
 * @throws UsageError where the name is missing or unknown (with the name probably meant), or for a surplus operand
 * @example
 * runSubcommand('policy', ['push', 'policy.json'], { push: { takesOperand: true, run: push } })
 */
export async function runSubcommand(
  command: string,
  [name = '', ...operands]: string[],
  subcommands: Record<string, Subcommand>,
  hint?: string,
): Promise<number> {
  const names = Object.keys(subcommands)
  const subcommand = Object.hasOwn(subcommands, name) ? subcommands[name] : undefined
  if (subcommand === undefined)
    throw new UsageError(
      name === ''
        ? `${command}: which? ${names.join(', ')}`
        : `There is no "${command} ${name}". ${didYouMean(name, names, `llm-gateway ${command} `) ?? `It is one of ${names.join(', ')}.`}`,
    )
  const { takesOperand = false, run } = subcommand
  refuseSurplus(operands[takesOperand ? 1 : 0], hint)
  return await run(operands[0])
}

/** @throws UsageError where `word` is given: an operand beyond those that the command takes */
export function refuseSurplus(word: string | undefined, hint?: string): void {
  if (word !== undefined)
    throw new UsageError(`"${word}" is a word too many.${hint === undefined ? '' : ` ${hint}`}`)
}

/** Returns `Did you mean: <prefix><name>` for the name that `typed` probably means; `undefined` where none is close. */
export function didYouMean(typed: string, names: string[], prefix: string): string | undefined {
  const name = suggest(typed, names)
  return name === undefined ? undefined : `Did you mean: ${prefix}${name}`
}
