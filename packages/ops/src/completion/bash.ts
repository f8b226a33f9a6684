import { type CommandWords, kindOfValue } from './words.ts'

/** Returns a completion for bash 4 or later. It needs no package of completions. */
export function bashScript(commands: CommandWords[]): string {
  return `# Completes llm-gateway in bash. Made by: llm-gateway completion bash
_llm_gateway() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" choices='' at
  # A value after = is a word of its own, and so is the sign.
  [[ $before == '=' ]] && before="\${COMP_WORDS[COMP_CWORD-2]}"
  [[ $current == '=' ]] && { before="\${COMP_WORDS[COMP_CWORD-1]}"; current=''; }
  COMPREPLY=()
  for ((at = 1; at < COMP_CWORD; at++)); do
    # Words after -- are of another program.
    [[ \${COMP_WORDS[at]} == -- ]] && { compopt -o default 2>/dev/null; return; }
  done
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W '${commands.map(({ name }) => name).join(' ')} --help --version' -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]} $before" in
${commands.flatMap(valueCases).join('\n')}
  esac
  case "\${COMP_WORDS[1]}" in
${commands.map(wordCase).join('\n')}
    help) choices='${commands.map(({ name }) => name).join(' ')}' ;;
  esac
  COMPREPLY=($(compgen -W "$choices" -- "$current"))
  # Operands are files, mostly.
  [[ \${#COMPREPLY[@]} == 0 && $current != -* ]] && compopt -o default 2>/dev/null
  return 0
}
complete -F _llm_gateway llm-gateway`
}

/** Lines for what follows an option that takes a value. */
function valueCases({ name, options }: CommandWords): string[] {
  const namesOf = ({ name: long, short }: { name: string; short?: string }) =>
    [long, ...(short === undefined ? [] : [short])].map((one) => `'${name} ${one}'`).join(' | ')
  return options.flatMap((option) => {
    const value = kindOfValue(option)
    if (value.kind === 'none') return []
    const action =
      value.kind === 'words'
        ? `COMPREPLY=($(compgen -W '${value.words.join(' ')}' -- "$current")); return`
        : value.kind === 'files'
          ? 'compopt -o default 2>/dev/null; return'
          : 'return'
    return [`    ${namesOf(option)}) ${action} ;;`]
  })
}

/** The line for a command's own words: subcommands in second place only. */
function wordCase({ name, subcommands, options }: CommandWords): string {
  const flags = options.map((option) => option.name).join(' ')
  const second = subcommands.map((one) => one.name).join(' ')
  const add = second === '' ? '' : ` ((COMP_CWORD == 2)) && [[ $current != -* ]] && choices='${second}'`
  return `    ${name}) [[ $current == -* ]] && choices='${flags}';${add} ;;`
}
