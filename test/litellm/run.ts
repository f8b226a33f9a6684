import { spawnSync } from 'node:child_process'
import { ensureRedis } from '../redis/server.ts'
import { installLitellm, litellmVersion } from './install.ts'

/** Where there is no proxy to be had, one line says why, and nothing has failed. */
const installed = installLitellm()
if ('missing' in installed) {
  console.log(`SKIPPED: the tests against a real LiteLLM proxy did not run: ${installed.missing}`)
} else {
  ensureRedis()
  console.log(`LiteLLM ${litellmVersion}, installed from PyPI`)
  const vitest = [
    'exec',
    '--',
    'vitest',
    'run',
    '--config',
    'vitest.litellm.config.ts',
    ...process.argv.slice(2),
  ]
  const { status } = spawnSync('npm', vitest, {
    stdio: 'inherit',
    env: { ...process.env, TEST_LITELLM: installed.program },
  })
  process.exitCode = status ?? 1
}
