import { parseArgs } from 'node:util'
import { runSubcommand } from '../cli/subcommand.ts'
import { plan } from './plan.ts'

export const summary =
  'prints the steps of a deployment with its names, and what is still missing; runs nothing'

export const help = `llm-gateway deploy: ${summary}.

Usage: llm-gateway deploy <subcommand> [options]

  plan     prints every command of the deployment in order, from the runbook in the folder that llm-gateway init wrote, with
           the steps of its profile of Langfuse. It starts no program, and changes no file

  --dir FOLDER     folder that llm-gateway init wrote      (the current one)
  --commands       prints the commands only, one a line, without those that a person does by hand
  --json           prints one JSON document: steps, commands, and what is missing

Secrets are looked up in the vault by name; no value is read from it into the plan. An encrypted vault is not opened.

Examples:
  llm-gateway deploy plan --dir deploy
  llm-gateway deploy plan --dir deploy --json
  llm-gateway deploy plan --commands > steps.sh

Exit codes: 0 done, 1 something is missing in the folder, 2 usage error. Next: runbooks/deploy.md in the folder.`

export async function run(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      dir: { type: 'string', default: '.' },
      commands: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  return await runSubcommand(
    'deploy',
    positionals,
    { plan: { run: () => plan(values) } },
    'The folder is --dir.',
  )
}
