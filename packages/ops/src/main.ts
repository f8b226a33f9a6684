import { readFileSync } from 'node:fs'
import { GatewayOptionsError } from '@hotdash/llm-gateway'
import { nearest } from './cli/suggest.ts'
import { commands } from './commands.ts'
import { UsageError } from './core/command.ts'

/** Exit codes: 0 done, 1 it failed, 2 it was not understood or is badly configured. */
async function main([name, ...argv]: string[]): Promise<number> {
  if (name === '--version' || name === '-v') return print(version())
  if (name === undefined) return complain(await overview(), 2)
  if (name === '--help' || name === '-h' || name === 'help') {
    const topic = argv[0]
    return topic === undefined ? print(await overview()) : await main([topic, '--help'])
  }
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (load === undefined) return unknown(name)
  const command = await load()
  if (argv.includes('--help') || argv.includes('-h')) return print(command.help)
  return await command.run(argv).catch((error: unknown) => {
    if (error instanceof GatewayOptionsError) return complain(error.message, 2)
    if (error instanceof UsageError || isArgumentError(error))
      return complain(`${error.message}\n\nSee: llm-gateway ${name} --help`, 2)
    throw error
  })
}

async function overview(): Promise<string> {
  const rows = await Promise.all(
    Object.entries(commands).map(async ([name, load]) => `  ${name.padEnd(16)} ${(await load()).summary}`),
  )
  return `llm-gateway: what the HotDash LLM gateway offers outside of your program.

Usage: llm-gateway <command> [options]

${rows.join('\n')}

llm-gateway <command> --help tells what a command does and takes.
Exit codes: 0 done, 1 it failed, 2 it was not understood or is badly configured.`
}

function unknown(name: string): number {
  const meant = nearest(name, Object.keys(commands))
  const hint = meant === undefined ? 'See: llm-gateway --help' : `Did you mean: llm-gateway ${meant}`
  return complain(`There is no command "${name}". ${hint}`, 2)
}

/** From `parseArgs` of node:util. */
const isArgumentError = (error: unknown): error is Error =>
  error instanceof TypeError &&
  'code' in error &&
  typeof error.code === 'string' &&
  error.code.startsWith('ERR_PARSE_ARGS_')

const version = () =>
  (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string })
    .version

function print(text: string): number {
  process.stdout.write(`${text}\n`)
  return 0
}

function complain(text: string, code: number): number {
  process.stderr.write(`${text}\n`)
  return code
}

// Whoever reads only the beginning, as `head` does, has had enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) =>
  complain(`llm-gateway: ${error instanceof Error ? error.message : 'it failed, and did not say why'}`, 1),
)
