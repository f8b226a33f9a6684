import { type CommandWords, kindOfValue } from './words.ts'

/** Returns a completion for fish 3 or later. */
export function fishScript(commands: CommandWords[]): string {
  const names = commands.map(({ name }) => name).join(' ')
  return [
    '# Completes llm-gateway in fish. Made by: llm-gateway completion fish',
    'complete -c llm-gateway -f',
    ...commands.map(
      ({ name, summary }) =>
        `complete -c llm-gateway -n __fish_use_subcommand -a ${name} -d ${quoted(summary)}`,
    ),
    `complete -c llm-gateway -n '__fish_seen_subcommand_from help' -a ${quoted(names)}`,
    ...commands.flatMap(linesOf),
  ].join('\n')
}

function linesOf({ name, subcommands, options }: CommandWords): string[] {
  const here = `'test (count (commandline -opc)) -ge 2; and test (commandline -opc)[2] = ${name}'`
  const second = `'test (count (commandline -opc)) -eq 2; and test (commandline -opc)[2] = ${name}'`
  return [
    ...subcommands.map((one) => `complete -c llm-gateway -n ${second} -a ${one.name} -d ${quoted(one.text)}`),
    ...(subcommands.length === 0 ? [`complete -c llm-gateway -n ${second} -F`] : []),
    ...options.map((option) => {
      const value = kindOfValue(option)
      const after = {
        none: '',
        text: ' -x',
        files: ' -r -F',
        words: value.kind === 'words' ? ` -x -a ${quoted(value.words.join(' '))}` : '',
      }[value.kind]
      const short = option.short === undefined ? '' : ` -s ${option.short.slice(1)}`
      return `complete -c llm-gateway -n ${here} -l ${option.name.slice(2)}${short}${after} -d ${quoted(option.text)}`
    }),
  ]
}

const quoted = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
