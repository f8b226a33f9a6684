// Installs the packed packages on each platform and runs agents there. `--quick`: what CI runs with each change. Names
// of platforms: only those. `--report`: also writes docs/publishing/tested.md. Prints a table, and ends with 1 if a case fails.
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import { ensureRedis, startRedis } from '../redis/server.ts'
import { bundlers } from './bundlers.ts'
import { ends } from './ends.ts'
import { newRoot, openLab, pack } from './lab.ts'
import { next } from './next.ts'
import { node } from './node.ts'
import { openai } from './openai.ts'
import type { Platform, World } from './platform.ts'
import { writeTable } from './report.ts'
import { runners } from './runners.ts'
import { runtimes } from './runtimes.ts'
import { sdks } from './sdks.ts'
import { size } from './size.ts'

const PLATFORMS: Platform[] = [
  ...node,
  ...openai,
  ends,
  size,
  ...runners,
  bundlers,
  next,
  ...sdks,
  ...runtimes,
]

const args = process.argv.slice(2)
const isQuick = args.includes('--quick')
const names = args.filter((arg) => !arg.startsWith('-'))
const chosen = PLATFORMS.filter(
  ({ name, isQuick: quick }) =>
    (!isQuick || quick) && (names.length === 0 || names.some((each) => name.startsWith(each))),
)

ensureRedis()
const root = newRoot()
const upstream = await startFakeOpenAI()
const redis = await startRedis()
const world: World = { baseURL: upstream.baseURL, redisUrl: () => redis.url }
const rows: string[][] = []
let failed = 0
let passed = 0

function row(platform: string, what: string, result: string) {
  rows.push([platform, what, result])
  console.log(`| ${platform} | ${what} | ${result} |`)
}

try {
  mkdirSync(join(root, 'tarballs'))
  const tarballs = await pack(join(root, 'tarballs'))
  console.log('| platform | case | result |\n|---|---|---|')
  for (const platform of chosen) await runAll(platform, tarballs)
} finally {
  await redis.close()
  await upstream.close()
  rmSync(root, { recursive: true, force: true })
}
if (args.includes('--report') && chosen.length === PLATFORMS.length && failed === 0)
  writeTable('Runtimes, bundlers, test runners, SDKs', rows)
console.log(`${passed} passed, ${failed} failed, 0 skipped`)
process.exitCode = failed === 0 ? 0 : 1

async function runAll(platform: Platform, tarballs: Awaited<ReturnType<typeof pack>>) {
  const { name, versions, cases } = platform
  try {
    const lab = await openLab(root, name, tarballs, platform)
    for (const each of cases) await runOne(versions, each, lab)
    rmSync(lab.folder, { recursive: true, force: true })
  } catch (error) {
    failed += 1
    row(versions, 'install', 'FAILED')
    console.error(error)
  }
}

async function runOne(
  versions: string,
  { name, run }: Platform['cases'][number],
  lab: Awaited<ReturnType<typeof openLab>>,
) {
  try {
    const note = await run(lab, world)
    passed += 1
    row(versions, name, note ?? 'ok')
  } catch (error) {
    failed += 1
    row(versions, name, 'FAILED')
    console.error(error)
  }
}
