#!/usr/bin/env node
import { parseArgs } from 'node:util'
import { LangfuseApiError, type Server, versionOf } from './api.ts'
import { canProvision, FIRST_VERSION, provision, type Step } from './provision.ts'
import { TILES } from './widgets.ts'

const HELP = `Makes the dashboard "LLM gateway" in Langfuse, or brings it up to date.

  node packages/infra/langfuse/dashboard.ts [options]

  --base-url URL      LANGFUSE_BASE_URL      http://localhost:3000
  --public-key KEY    LANGFUSE_PUBLIC_KEY
  --secret-key KEY    LANGFUSE_SECRET_KEY
  --dry-run           say what would be done, and do nothing
  --help

May be run again at any time: what is there already is kept, or updated where it differs.
Ends with 0 when the dashboard is there, 2 when the server is older than ${FIRST_VERSION} and cannot be told
(then docs/langfuse-dashboard.md says how to do it by hand), 1 when anything went wrong.`

const NO_API = 2

/** Gives the exit code. */
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
  const server: Server = {
    baseURL: (values['base-url'] ?? env.LANGFUSE_BASE_URL ?? 'http://localhost:3000').replace(/\/+$/, ''),
    publicKey: values['public-key'] ?? env.LANGFUSE_PUBLIC_KEY ?? '',
    secretKey: values['secret-key'] ?? env.LANGFUSE_SECRET_KEY ?? '',
  }
  if (!URL.canParse(server.baseURL)) throw new LangfuseApiError('--base-url is no URL')
  if (new URL(server.baseURL).username !== '')
    throw new LangfuseApiError('--base-url must hold no name and password')
  const version = await versionOf(server)
  if (!canProvision(version)) {
    console.error(
      `${server.baseURL} is Langfuse ${version}, which has no API for dashboards; ${FIRST_VERSION} is the first that has.\nNothing was done. docs/langfuse-dashboard.md says what to look at instead, and how.`,
    )
    return NO_API
  }
  if (server.publicKey === '' || server.secretKey === '')
    throw new LangfuseApiError(
      'LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY are needed, or --public-key and --secret-key',
    )
  return await report(server, version, values['dry-run'])
}

async function report(server: Server, version: string, dry: boolean): Promise<number> {
  const steps: Step[] = []
  const id = await provision(server, dry, (step) => {
    steps.push(step)
    if (step.did !== 'keep') console.log(`${dry ? 'would ' : ''}${step.did}  ${step.what}`)
  })
  const kept = steps.filter(({ did }) => did === 'keep').length
  const changed = steps.length - kept
  console.log(
    `Langfuse ${version} at ${server.baseURL}: ${TILES.length} tiles, ${changed} ${dry ? 'steps to take' : 'steps taken'}, ${kept} things as they were${id && !dry ? `; dashboard ${id}` : ''}`,
  )
  return 0
}

try {
  process.exitCode = await main()
} catch (error) {
  // Options that do not exist, a server that refuses: told in a line. Anything else is a fault of ours, and shown whole.
  const told =
    error instanceof LangfuseApiError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS')
  console.error(told ? `langfuse:dashboard: ${(error as Error).message}` : error)
  process.exitCode = 1
}
