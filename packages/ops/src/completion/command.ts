import { parseArgs } from 'node:util'
import { printLine } from '../cli/output.ts'
import { runSubcommand } from '../cli/subcommand.ts'
import type { CommandTable } from '../core/command.ts'
import { bashScript } from './bash.ts'
import { fishScript } from './fish.ts'
import { wordsOfCommands } from './words.ts'
import { zshScript } from './zsh.ts'

export const summary = 'prints a script that completes commands, subcommands and options in a shell'

export const help = `llm-gateway completion: ${summary}.

Usage: llm-gateway completion <subcommand>

  bash   for ~/.bashrc, or a file in /etc/bash_completion.d
  zsh    for a file _llm-gateway in a folder of fpath, or for ~/.zshrc after compinit
  fish   for ~/.config/fish/completions/llm-gateway.fish

The script is complete in itself: it starts no program while you type. Print it again after an upgrade.

Examples:
  source <(llm-gateway completion bash)
  llm-gateway completion bash > /etc/bash_completion.d/llm-gateway
  llm-gateway completion zsh > ~/.zfunc/_llm-gateway
  llm-gateway completion fish > ~/.config/fish/completions/llm-gateway.fish

Exit codes: 0 done, 2 usage error. Details: docs/operations.md`

export async function run(argv: string[], commands: CommandTable): Promise<number> {
  const { positionals } = parseArgs({ args: argv, allowPositionals: true, options: {} })
  const words = await wordsOfCommands(commands)
  return await runSubcommand('completion', positionals, {
    bash: { run: () => printLine(bashScript(words)) },
    zsh: { run: () => printLine(zshScript(words)) },
    fish: { run: () => printLine(fishScript(words)) },
  })
}
