import { parseArgs } from 'node:util'
import { runSubcommand } from '../cli/subcommand.ts'
import { generate, retire, rotate, set, status } from './manage.ts'
import { contextOf, OPTIONS } from './options.ts'
import { exportVariables, runWithSecrets } from './use.ts'

export const summary = 'makes, stores, rotates and hands over all secrets of a deployment'

export const help = `llm-gateway secrets: ${summary}. No value is printed at a terminal without --reveal.

Usage: llm-gateway secrets <subcommand> [options]

  generate             makes every secret that is missing and can be made; changes none that is there
  set NAME             stores a secret that comes from elsewhere, read without echo or from standard input
  status               lists age, next rotation and grace of each; with --redis: which agents call
                       with a team's key, and which still with the one before a rotation.
                       Exit code 1 where one is missing or overdue, or a grace is over
  rotate NAME          makes a new value; the one before works until --grace is over
  retire NAME          ends the grace of a secret: its previous value works no longer
  import --app APP     prints NAME=VALUE of an app, for a pipe into fly secrets import
  exec --app APP -- …  runs a command with the variables of an app

Apps: gateway, langfuse-thin, langfuse-web, langfuse-worker, clickhouse, litellm, operator, agents.

  --dir FOLDER      folder that llm-gateway init wrote      (the current one)
  --vault FILE      where the secrets are kept              (as in deployment.json)
  --policy FILE     policy that team keys enter as hashes   (fly/gateway/policy.json in the folder)
  --recipient KEY   who may open a vault named *.age (by age) or *.sops.json (by sops); may be repeated
  --identity FILE   identity that opens it                  (LLM_GATEWAY_VAULT_IDENTITY)
  --grace TIME      for rotate: 1h to 999d                  (7d)
  --redis URL       for status: the agents' Redis
  --force           for rotate: also where that breaks something; for retire: before the grace is over
  --reveal          for import: also at a terminal
  --json            prints one JSON document on standard output, for programs

The vault is one file with mode 0600, replaced at once and whole. Plain JSON unless its name says otherwise.

Examples:
  llm-gateway secrets generate
  llm-gateway secrets set OPENAI_API_KEY
  llm-gateway secrets status
  llm-gateway secrets import --app gateway | fly secrets import --app hotdash-llm-gateway --stage
  llm-gateway secrets exec --app gateway -- llm-gateway doctor
  llm-gateway secrets rotate PROD_CUSTOMER_KEY --grace 3d
  llm-gateway secrets retire PROD_CUSTOMER_KEY

Exit codes: 0 done, 1 something is due, 2 usage error. Details: docs/runbooks/secrets-rotation.md`

export async function run(argv: string[]): Promise<number> {
  const end = argv.indexOf('--')
  const [own, command] = end === -1 ? [argv, []] : [argv.slice(0, end), argv.slice(end + 1)]
  const { values, positionals } = parseArgs({ args: own, allowPositionals: true, options: OPTIONS })
  return await runSubcommand('secrets', positionals, {
    generate: { run: () => generate(contextOf(values)) },
    set: { takesOperand: true, run: (name) => set(contextOf(values), name) },
    status: { run: () => status(contextOf(values)) },
    rotate: { takesOperand: true, run: (name) => rotate(contextOf(values), name) },
    retire: { takesOperand: true, run: (name) => retire(contextOf(values), name) },
    import: { run: () => exportVariables(contextOf(values)) },
    exec: { run: () => runWithSecrets(contextOf(values), command) },
  })
}
