// Publishes the packages to a private registry on this machine, and installs them from there into new apps, which run
// against a fake OpenAI and a real Redis. `--quick`: the apps of the oldest and newest versions, as CI runs with each
// change. `--report`: also writes docs/publishing/tested.md. Prints a table, and ends with 1 if a case fails.
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import { newRoot, openLab } from '../platforms/lab.ts'
import type { World } from '../platforms/platform.ts'
import { writeTable } from '../platforms/report.ts'
import { ensureRedis, startRedis } from '../redis/server.ts'
import { BUILDS, buildAndRun, MATRIX } from './apps.ts'
import { copyRepository } from './copy.ts'
import { npmrcFor, publishing } from './publishing.ts'
import { startVerdaccio, verdaccioVersion } from './verdaccio.ts'

const args = process.argv.slice(2)
const isQuick = args.includes('--quick')

ensureRedis()
const root = newRoot()
mkdirSync(join(root, 'verdaccio'))
const upstream = await startFakeOpenAI()
const redis = await startRedis()
const registry = await startVerdaccio(join(root, 'verdaccio'))
const world: World = { baseURL: upstream.baseURL, redisUrl: () => redis.url }
const rows: string[][] = []
let failed = 0

/** Runs a case and adds its row. Returns whether it succeeded. */
async function check(part: string, name: string, run: () => Promise<void>): Promise<boolean> {
  let result = 'ok'
  try {
    await run()
  } catch (error) {
    result = 'FAILED'
    failed += 1
    console.error(error)
  }
  rows.push([part, name, result])
  console.log(`| ${part} | ${name} | ${result} |`)
  return result === 'ok'
}

try {
  console.log('| part | case | result |\n|---|---|---|')
  const copy = await copyRepository(join(root, 'repository'))
  let holds = true
  for (const { name, run } of publishing)
    holds = (await check(`Verdaccio ${verdaccioVersion}`, name, () => run({ registry, copy, root }))) && holds
  // Without the packages, no app says more.
  if (holds) for (const versions of MATRIX) if (!isQuick || versions.isQuick) await checkApp(versions)
} finally {
  await registry.close()
  await redis.close()
  await upstream.close()
  rmSync(root, { recursive: true, force: true })
}
if (args.includes('--report') && !isQuick && failed === 0) writeTable('From a private registry', rows)
console.log(`${rows.length - failed} passed, ${failed} failed, 0 skipped`)
process.exitCode = failed === 0 ? 0 : 1

async function checkApp({ openai, zod, ioredis, typescript }: (typeof MATRIX)[number]) {
  const part = `openai ${openai}, zod ${zod}, ioredis ${ioredis}, TypeScript ${typescript}`
  let lab: Awaited<ReturnType<typeof openLab>> | undefined
  const installs = await check(part, 'npm install', async () => {
    lab = await openLab(root, `app-${rows.length}`, undefined, {
      packages: {
        '@hotdash/llm-gateway': 'latest',
        openai,
        zod,
        ioredis,
        typescript,
        '@types/node': '22.20.5',
        esbuild: '0.28.2',
      },
      fixtures: [],
      npmrc: npmrcFor(registry),
      env: { HOTDASH_NPM_TOKEN: registry.token },
    })
  })
  if (!installs || lab === undefined) return
  for (const build of BUILDS) {
    const opened = lab
    await check(part, build.name, () => buildAndRun(opened, world, build))
  }
  rmSync(lab.folder, { recursive: true, force: true })
}
