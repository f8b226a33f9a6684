import { parseArgs } from 'node:util'
import { readPage } from '../cli/docs.ts'
import { printJson, printLine } from '../cli/output.ts'
import { refuseSurplus } from '../cli/subcommand.ts'
import { suggest } from '../cli/suggest.ts'
import { UsageError } from '../core/command.ts'
import { explainedIn } from './page.ts'

export const summary = 'explains an error code, or a code of a log message'

export const help = `llm-gateway errors: ${summary}.

Usage: llm-gateway errors [CODE] [--json]

  CODE     code of an error (gateway_rpm_exceeded) or of a log message (GW_REDIS_FULL); without one: lists all

  --json   prints one JSON document on standard output, for programs

Needs no network: the text is in this package.

Examples:
  llm-gateway errors
  llm-gateway errors gateway_rpm_exceeded
  llm-gateway errors GW_REDIS_FULL

Exit codes: 0 done, 2 usage error. Details: docs/errors.md`

export async function run(argv: string[]): Promise<number> {
  const { positionals, values } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: { json: { type: 'boolean', default: false } },
  })
  const [code, surplus] = positionals
  refuseSurplus(surplus)
  const all = explainedIn(readPage('errors.md'), readPage('logs.md'))
  if (code === undefined)
    return values.json
      ? printJson(all)
      : printLine(
          all.map(({ code, kind, summary }) => `${code.padEnd(30)} ${kind.padEnd(9)}  ${summary}`).join('\n'),
        )
  const found = all.find((each) => each.code.toLowerCase() === code.toLowerCase())
  if (found !== undefined) return values.json ? printJson(found) : printLine(`${found.code}\n\n${found.text}`)
  const near = suggest(
    code,
    all.map((each) => each.code),
  )
  throw new UsageError(
    `There is no code "${code}". ${near === undefined ? 'llm-gateway errors lists all.' : `Did you mean: llm-gateway errors ${near}`}`,
  )
}
