/** An option that a help text describes. */
export type HelpOption = {
  /** Long name, with its dashes. */
  name: string
  /** Short name, with its dash. */
  short?: string
  /** What follows it, as written: `FILE`, `csv|jsonl`. Absent for a flag. */
  value?: string
  /** Its description; empty where the text names it only. */
  text: string
}

/** What can follow a command: what its help text says. */
export type HelpWords = {
  subcommands: { name: string; text: string }[]
  options: HelpOption[]
}

const VALUE = String.raw`[A-Z][A-Z0-9=|]*|[a-z0-9]+(?:\|[a-z0-9-]+)+`
const OPTION_LINE = new RegExp(
  String.raw`^ {2}(?:(-\w), )?(--[a-z][a-z-]*)(?:, (-\w))?(?: (${VALUE}))?(?: \.\.\.)?(?: {2,}(.*))?$`,
)
const OPTION_IN_TEXT = new RegExp(String.raw`(?<![\w-])(--[a-z][a-z-]*)(?: (${VALUE})(?![\w]))?`, 'g')
const SUBCOMMAND_LINE = /^ {2}([a-z][a-z0-9-]*)(?: (?! ).*?)?(?: {2,}(\S.*))?$/

/**
 * Reads subcommands and options out of the text that `llm-gateway <command> --help` prints, so that nothing has to list them
 * again. Subcommands exist where the usage line has `<subcommand>`. Examples are left out.
 */
export function helpWords(help: string): HelpWords {
  const [description = ''] = help.split(/^Examples:$/m)
  const lines = description.split('\n')
  const options = new Map<string, HelpOption>()
  for (const line of lines) {
    const [, before, name, after, value, text = ''] = OPTION_LINE.exec(line) ?? []
    const short = before ?? after
    if (name !== undefined)
      options.set(name, { name, text, ...(short && { short }), ...(value && { value }) })
  }
  for (const [, name = '', value] of description.matchAll(OPTION_IN_TEXT))
    if (name !== '--help' && !options.has(name))
      options.set(name, { name, text: '', ...(value && { value }) })
  const hasSubcommands = /^Usage: .*<subcommand>/m.test(description)
  const found = hasSubcommands ? lines.flatMap((line) => subcommandIn(line) ?? []) : []
  const subcommands = [...new Map(found.map((one) => [one.name, one])).values()]
  return { subcommands, options: [...options.values()] }
}

function subcommandIn(line: string): { name: string; text: string } | undefined {
  const [, name, text = ''] = SUBCOMMAND_LINE.exec(line) ?? []
  return name === undefined ? undefined : { name, text }
}
