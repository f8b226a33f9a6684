import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { hotdashPolicy } from '@hotdash/llm-gateway/policy'
import { readTemplate, TEMPLATES } from '../core/templates.ts'
import { ANSWERS_FILE, type Answers, EXAMPLE } from '../deployment/answers.ts'

/** A file of the folder that `init` writes. */
export type Rendered = { path: string; text: string; isProgram: boolean }

/** Apps of the other profile of Langfuse, which are left out. */
const OTHER_PROFILE = {
  thin: ['langfuse-web', 'langfuse-worker', 'clickhouse'],
  current: ['langfuse-thin'],
}

/** The package that writes the folder. */
export type Package = { version: string; homepage: string }

/** Answers that stand in the shipped files as the example's names, longest first, so that no part replaces a whole. */
const REPLACED = (
  [
    'supabaseDirect',
    'supabasePooled',
    'langfuseDbUser',
    'supabaseRef',
    'gatewayHost',
    'langfuseHost',
    'gatewayApp',
    'langfuseApp',
    'redisName',
    'adminEmail',
    'vault',
  ] as const
).toSorted((one, other) => EXAMPLE[other].length - EXAMPLE[one].length)

const PATTERN = new RegExp(
  [
    ...REPLACED.map((answer) => EXAMPLE[answer].replaceAll(/[.-]/g, '\\$&')),
    `(?<=primary_region = ")${EXAMPLE.region}(?=")`,
    `(?<=--(?:primary-)?region )${EXAMPLE.region}\\b`,
    `(?<=--org )${EXAMPLE.organisation}\\b`,
  ].join('|'),
  'g',
)

/** Replaces the example's names in a shipped file by the answers. */
export function withNames(text: string, answers: Answers): string {
  return text.replace(PATTERN, (found) => {
    if (found === EXAMPLE.region) return answers.region
    if (found === EXAMPLE.organisation) return answers.organisation
    const answer = REPLACED.find((name) => EXAMPLE[name] === found)
    return answer === undefined ? found : answers[answer]
  })
}

/** Returns all files for these answers, in the order of their paths. */
export function renderFiles(answers: Answers, { version, homepage }: Package): Rendered[] {
  const left = OTHER_PROFILE[answers.profile].map((app) => `fly/${app}/`)
  const shipped = shippedPaths()
    .filter((path) => path !== 'secrets.json' && !left.some((folder) => path.startsWith(folder)))
    .map((path) => ({
      path,
      text: withVersion(path, withNames(readTemplate(path), answers), version),
      isProgram: /\/bin\//.test(path),
    }))
  const own = [
    { path: ANSWERS_FILE, text: jsonText(answers) },
    { path: 'fly/gateway/policy.json', text: jsonText(hotdashPolicy) },
    { path: 'fly/gateway/monitor.json', text: jsonText(monitorConfig(answers, homepage)) },
    { path: '.gitignore', text: `# Secrets never enter a repository.\n${answers.vault.split('/', 1)[0]}/\n` },
  ].map((file) => ({ ...file, isProgram: false }))
  return [...shipped, ...own].toSorted((one, other) => (one.path < other.path ? -1 : 1))
}

/** The image installs the version of the command that wrote the folder. */
const withVersion = (path: string, text: string, version: string) =>
  path === 'fly/gateway/package.json'
    ? text.replace(/("@hotdash\/llm-gateway-ops": ")[^"]*/, `$1${version}`)
    : text

/** The monitor's configuration: its thresholds are the defaults, and mails link to the runbook in the repository. */
const monitorConfig = ({ gatewayHost, langfuseApp, alertEmail, alertFrom }: Answers, homepage: string) => ({
  intervalSeconds: 30,
  runbookUrl: `${homepage.replace(/#.*$/, '')}/blob/main/docs/runbooks/alerts.md`,
  probes: [
    { name: 'gateway', url: `https://${gatewayHost}/health/readiness` },
    { name: 'langfuse', url: `http://${langfuseApp}.flycast/api/public/health` },
  ],
  mail: { from: `LLM gateway <${alertFrom}>`, to: [alertEmail] },
})

const jsonText = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`

function shippedPaths(): string[] {
  const root = TEMPLATES ?? ''
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => statSync(join(root, path)).isFile())
}
