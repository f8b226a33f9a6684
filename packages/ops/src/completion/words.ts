import { type HelpOption, type HelpWords, helpWords } from '../cli/help-words.ts'
import type { CommandTable } from '../core/command.ts'

/** What can be typed after `llm-gateway`. */
export type CommandWords = HelpWords & { name: string; summary: string }

/** Returns the words of all commands, in the order of the table. */
export async function wordsOfCommands(commands: CommandTable): Promise<CommandWords[]> {
  return await Promise.all(
    Object.entries(commands).map(async ([name, load]) => {
      const { summary, help } = await load()
      const { subcommands, options } = helpWords(help)
      return { name, summary, subcommands, options: [...options, HELP] }
    }),
  )
}

const HELP: HelpOption = { name: '--help', short: '-h', text: 'explains the command' }

/** What can follow an option: words, files, or other text. `none`: it is a flag. */
export type ValueKind = { kind: 'none' | 'text' | 'files' } | { kind: 'words'; words: string[] }

export function kindOfValue({ value }: HelpOption): ValueKind {
  if (value === undefined) return { kind: 'none' }
  if (value.includes('|')) return { kind: 'words', words: value.split('|') }
  return { kind: /^(FILE|FOLDER|PATH|DIR)$/.test(value) ? 'files' : 'text' }
}
