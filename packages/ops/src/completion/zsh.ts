import type { HelpOption } from '../cli/help-words.ts'
import { type CommandWords, kindOfValue } from './words.ts'

/** Returns a completion for zsh, which works from a folder of `fpath` as well as from a startup file. */
export function zshScript(commands: CommandWords[]): string {
  return `#compdef llm-gateway
# Completes llm-gateway in zsh. Made by: llm-gateway completion zsh
_llm_gateway() {
  local context state line
  local -a commands
  commands=(
${commands.map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}`).join('\n')}
  )
  if ((CURRENT == 2)); then
    _describe -t commands command commands
    return
  fi
  local command="$words[2]"
  shift words
  ((CURRENT--))
  case "$command" in
${commands.map(caseOf).join('\n')}
    help) _describe -t commands command commands ;;
  esac
}
# Loaded from fpath, this file is the function's body; in a startup file, it only defines it.
if [[ "$funcstack[1]" == _llm-gateway ]]; then
  _llm_gateway "$@"
else
  compdef _llm_gateway llm-gateway
fi`
}

function caseOf({ name, subcommands, options }: CommandWords): string {
  const list = subcommands.map((one) => quoted(`${one.name}:${one.text}`)).join(' ')
  const first =
    subcommands.length === 0
      ? ''
      : `"1:subcommand:{ local -a some=(${list.replaceAll('"', '\\"')}); _describe subcommand some }" `
  return `    ${name}) _arguments -s ${first}${options.flatMap(specsOf).join(' ')} '*:file:_files' ;;`
}

function specsOf(option: HelpOption): string[] {
  const value = kindOfValue(option)
  const after = {
    none: '',
    text: ':value: ',
    files: ':file:_files',
    words: value.kind === 'words' ? `:value:(${value.words.join(' ')})` : '',
  }[value.kind]
  const names = [option.name, ...(option.short === undefined ? [] : [option.short])]
  return names.map((name) => quoted(`*${name}[${option.text.replaceAll(/[[\]:\\]/g, ' ')}]${after}`))
}

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`
