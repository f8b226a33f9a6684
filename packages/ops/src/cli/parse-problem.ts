import { helpWords } from './help-words.ts'
import { didYouMean } from './subcommand.ts'

/**
 * Returns what is wrong with a command line, from an error of `parseArgs`. An option that is unknown comes with the one that
 * was probably meant, of those that the help text describes.
 */
export function parseProblem({ message }: Error, help: string): string {
  const [, unknown] = /^Unknown option '([^']+)'/.exec(message) ?? []
  if (unknown !== undefined) {
    const names = helpWords(help).options.map(({ name }) => name.slice(2))
    const meant = unknown.startsWith('--')
      ? didYouMean(unknown.slice(2), [...names, 'help'], '--')
      : undefined
    return `Unknown option '${unknown}'.${meant === undefined ? '' : ` ${meant}`}`
  }
  const [, option] = /^Option '(?:-\w, )?(-[\w-]+)/.exec(message) ?? []
  if (option === undefined) return message
  if (message.includes('does not take an argument')) return `${option} takes no value.`
  if (message.includes('is ambiguous'))
    return `${option} needs a value; one that begins with a dash follows a =.`
  return `${option} needs a value.`
}
