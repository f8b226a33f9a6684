import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { type LangfuseVersion, startFakeLangfuse } from '@hotdash/llm-gateway-testing'
import { makeVariedCalls } from './varied.ts'

const HELP = `Holds everything the gateway sends to Langfuse against Langfuse's own description of its API.

  npm run check:langfuse -- --api-description PATH [--api-description PATH]

PATH is web/public/generated/api/openapi.yml of github.com/langfuse/langfuse, at v2.95.12 or v4.16.0. Without any,
only the rules of the stand-in itself are checked. Ends with 1 on any complaint.`

/** Which of the two measured servers a description is of. */
async function versionOf(path: string): Promise<LangfuseVersion> {
  return (await readFile(path, 'utf8')).includes('/api/public/otel/v1/traces:') ? '4.16.0' : '2.95.12'
}

/** Gives the number of complaints. */
async function check(version: LangfuseVersion, apiDescription: string | undefined): Promise<number> {
  const langfuse = await startFakeLangfuse({ version, ...(apiDescription ? { apiDescription } : {}) })
  const records = await makeVariedCalls(langfuse)
  const calls = new Set([...langfuse.observations.values()].map(({ metadata }) => metadata.call))
  const lost = records.filter(({ id }) => !calls.has(id))
  const complaints = [...langfuse.malformed, ...lost.map(({ id }) => `${id}: is not stored`)]
  await langfuse.close()
  const against = apiDescription ? 'its own description' : 'built-in rules only'
  console.log(
    `Langfuse ${version}, ${against}: ${records.length} calls, ${langfuse.checked} events checked, ${complaints.length} complaints`,
  )
  for (const complaint of complaints) console.log(`  ${complaint}`)
  return complaints.length
}

const { values } = parseArgs({
  options: {
    'api-description': { type: 'string', multiple: true, default: [] },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) console.log(HELP)
else {
  const paths = values['api-description']
  let complaints = 0
  for (const path of paths) complaints += await check(await versionOf(path), path)
  if (paths.length === 0)
    for (const version of ['2.95.12', '4.16.0'] as const) complaints += await check(version, undefined)
  process.exitCode = complaints > 0 ? 1 : 0
}
