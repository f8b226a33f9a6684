#!/usr/bin/env node
import { parseArgs } from 'node:util'
import { LangfuseApiError, type LangfuseServer, versionOf } from './api.ts'
import { canProvision, FIRST_VERSION, provision, type Step } from './provision.ts'
import { TILES } from './widgets.ts'

const HELP = `Creates or updates the dashboard "LLM gateway" in Langfuse.

  node packages/infra/langfuse/dashboard.ts [options]

  --base-url URL      LANGFUSE_BASE_URL      http://localhost:3000
  --public-key KEY    LANGFUSE_PUBLIC_KEY
  --secret-key KEY    LANGFUSE_SECRET_KEY
  --dry-run           prints what would be done, and does nothing
  --help

May be run again: existing parts are kept, or updated where they differ.
Exit codes: 0 the dashboard exists, 1 failed, 2 the server is older than ${FIRST_VERSION} and has no API for dashboards
(docs/langfuse-dashboard.md describes the steps by hand).`

/** Exit code where the server is too old. */
const NO_API = 2

/** Runs the command and returns the exit code. */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      'base-url': { type: 'string' },
      'public-key': { type: 'string' },
      'secret-key': { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(HELP)
    return 0
  }
  const { env } = process
  const server: LangfuseServer = {
    baseURL: (values['base-url'] ?? env.LANGFUSE_BASE_URL ?? 'http://localhost:3000').replace(/\/+$/, ''),
    publicKey: values['public-key'] ?? env.LANGFUSE_PUBLIC_KEY ?? '',
    secretKey: values['secret-key'] ?? env.LANGFUSE_SECRET_KEY ?? '',
  }
  if (!URL.canParse(server.baseURL)) throw new LangfuseApiError('--base-url is not a URL')
  if (new URL(server.baseURL).username !== '')
    throw new LangfuseApiError('--base-url must hold no name and password')
  const version = await versionOf(server)
  if (!canProvision(version)) {
    console.error(
      `${server.baseURL} is Langfuse ${version}, which has no API for dashboards; ${FIRST_VERSION} is the first that has.\nNothing was done. docs/langfuse-dashboard.md describes the alternative by hand.`,
    )
    return NO_API
  }
  if (server.publicKey === '' || server.secretKey === '')
    throw new LangfuseApiError(
      'LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY are needed, or --public-key and --secret-key',
    )
  return await report(server, version, values['dry-run'])
}

async function report(server: LangfuseServer, version: string, dryRun: boolean): Promise<number> {
  const steps: Step[] = []
  const id = await provision(server, dryRun, (step) => {
    steps.push(step)
    if (step.action !== 'keep') console.log(`${dryRun ? 'would ' : ''}${step.action}  ${step.subject}`)
  })
  const kept = steps.filter(({ action }) => action === 'keep').length
  const changed = steps.length - kept
  console.log(
    `Langfuse ${version} at ${server.baseURL}: ${TILES.length} tiles, ${changed} ${dryRun ? 'steps to take' : 'steps taken'}, ${kept} parts unchanged${id && !dryRun ? `; dashboard ${id}` : ''}`,
  )
  return 0
}

try {
  process.exitCode = await main()
} catch (error) {
  // Usage errors and errors of the server are one line; any other error is a bug, and is printed with its stack.
  const isExpected =
    error instanceof LangfuseApiError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS')
  console.error(isExpected ? `langfuse:dashboard: ${(error as Error).message}` : error)
  process.exitCode = 1
}
