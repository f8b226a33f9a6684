import { parseArgs } from 'node:util'
import { checkFiles } from './all.ts'
import { findingLine } from './finding.ts'
import { ensureShellcheck } from './shell.ts'
import { checkSql } from './sql.ts'

const HELP = `Checks the files with which the gateway is deployed: fly.toml, Dockerfile, start scripts, secrets, SQL.

  npm run check -w packages/infra -- [--root FOLDER] [--json] [--no-sql]

  --root FOLDER  folder with fly/, supabase/ and secrets.json   (this package)
  --json         prints the findings as JSON
  --no-sql       does not start a Postgres server

Exit codes: 0 nothing is wrong (what could not be checked is named with SKIPPED), 1 findings.`

const { values } = parseArgs({
  options: {
    root: { type: 'string', default: `${import.meta.dirname}/..` },
    json: { type: 'boolean', default: false },
    'no-sql': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(HELP)
  process.exit(0)
}
const shellcheck = ensureShellcheck()
if (shellcheck === undefined)
  console.error(
    'SKIPPED: shellcheck is not installed, and cannot be installed here (apt-get install shellcheck).',
  )
const sql = values['no-sql'] ? [] : await checkSql(values.root)
if (sql === undefined)
  console.error('SKIPPED: SQL was not applied: there is no Postgres server (apt-get install postgresql).')
const findings = [...checkFiles(values.root, shellcheck), ...(sql ?? [])]
if (values.json) console.log(JSON.stringify(findings))
else {
  for (const finding of findings) console.log(findingLine(finding))
  console.log(findings.length === 0 ? 'All files are right.' : `${findings.length} findings.`)
}
process.exitCode = findings.length === 0 ? 0 : 1
