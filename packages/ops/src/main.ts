import { readFileSync } from 'node:fs'
import { withDocs } from './cli/docs.ts'
import { printLine, printNote } from './cli/output.ts'
import { parseProblem } from './cli/parse-problem.ts'
import { didYouMean } from './cli/subcommand.ts'
import { commands } from './commands.ts'
import { UsageError } from './core/command.ts'

/** Exit code for arguments, options or a policy that are invalid. */
const USAGE_ERROR = 2
/** Exit code after Ctrl-C, as of a shell: 128 and the number of SIGINT. */
const INTERRUPTED = 130

/** Runs a command line, without `llm-gateway` itself, and returns the exit code. */
async function main([name, ...argv]: string[]): Promise<number> {
  if (name === '--version' || name === '-v') return printLine(version())
  if (name === undefined) return printNote(await overview(), USAGE_ERROR)
  if (name === '--help' || name === '-h' || name === 'help') {
    const topic = argv[0]
    return topic === undefined ? printLine(await overview()) : await main([topic, '--help'])
  }
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (load === undefined) {
    const hint = didYouMean(name, Object.keys(commands), 'llm-gateway ') ?? 'See: llm-gateway --help'
    return printNote(`There is no command "${name}". ${hint}`, USAGE_ERROR)
  }
  const command = await load()
  // Words after -- are of another program.
  const own = argv.slice(0, argv.includes('--') ? argv.indexOf('--') : undefined)
  if (own.includes('--help') || own.includes('-h')) return printLine(withDocs(command.help))
  return await command.run(argv, commands).catch((error: unknown) => {
    if (hasCode(error, 'gateway_bad_options')) return printNote(error.message, USAGE_ERROR)
    if (error instanceof UsageError || hasCode(error, 'ERR_PARSE_ARGS_')) {
      const problem = error instanceof UsageError ? error.message : parseProblem(error, command.help)
      return printNote(`${problem}\n\nSee: llm-gateway ${name} --help`, USAGE_ERROR)
    }
    // Ctrl-C at a question.
    if (hasCode(error, 'ABORT_ERR')) return printNote('', INTERRUPTED)
    throw error
  })
}

async function overview(): Promise<string> {
  const rows = await Promise.all(
    Object.entries(commands).map(async ([name, load]) => `  ${name.padEnd(16)} ${(await load()).summary}`),
  )
  return `llm-gateway: commands of the HotDash LLM gateway for operators.

Usage: llm-gateway <command> [options]

${rows.join('\n')}

llm-gateway <command> --help explains a command and its options. Pages: ${withDocs('docs/')}
Exit codes: 0 done, 1 failed, 2 usage or configuration error.`
}

/**
 * Tells whether the code of an error begins so: `gateway_bad_options` of GatewayOptionsError, `ERR_PARSE_ARGS_` of `parseArgs`.
 * Their classes are not loaded for it: a command that needs no gateway starts without one.
 */
const hasCode = (error: unknown, prefix: string): error is Error =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code.startsWith(prefix)

const version = () =>
  (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string })
    .version

// A reader that closes the pipe early, such as `head`, is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) =>
  printNote(`llm-gateway: ${error instanceof Error ? error.message : 'failed without an error message'}`, 1),
)
