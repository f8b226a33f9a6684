import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installDebian } from '../../packages/infra/check/debian.ts'

const REQUIREMENTS = fileURLToPath(new URL('requirements.txt', import.meta.url))
const INSTALL_MS = 10 * 60_000

/** The version that the tests run against, as `requirements.txt` pins it. */
export const litellmVersion = /^litellm==(.+)$/m.exec(readFileSync(REQUIREMENTS, 'utf8'))?.[1] ?? ''

/** Installs the proxy in a virtual environment in the system's temporary folder; `missing`: why that failed. */
export function installLitellm(): { program: string } | { missing: string } {
  const digest = createHash('sha256').update(readFileSync(REQUIREMENTS)).digest('hex').slice(0, 12)
  const folder = join(tmpdir(), `llm-gateway-litellm-${litellmVersion}-${digest}`)
  const program = join(folder, 'bin', 'litellm')
  const done = join(folder, 'installed')
  if (existsSync(done) && spawnSync(join(folder, 'bin', 'python'), ['--version']).status === 0)
    return { program }
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const made = environment(folder)
  if (made !== undefined) return { missing: made }
  const pip = [
    join(folder, 'bin', 'python'),
    '-m',
    'pip',
    'install',
    '--quiet',
    '--no-input',
    '--retries',
    '1',
    '-r',
    REQUIREMENTS,
  ]
  console.log(`Installing LiteLLM ${litellmVersion} from PyPI; it is kept in ${folder}.`)
  const installed = run(pip)
  if (installed !== undefined)
    return { missing: `LiteLLM ${litellmVersion} cannot be installed from PyPI: ${installed}` }
  writeFileSync(done, '')
  return { program }
}

/** Tries what there may be on a machine: the standard library's venv, which Debian packs by itself, then uv, then virtualenv. */
function environment(folder: string): string | undefined {
  if (spawnSync('python3', ['--version']).status !== 0) installDebian('python3', 'python3-venv')
  if (spawnSync('python3', ['--version']).status !== 0) return 'there is no python3 on this machine'
  if (run(['python3', '-m', 'venv', folder]) === undefined) return undefined
  installDebian('python3-venv')
  const ways = [
    ['python3', '-m', 'venv', '--clear', folder],
    ['uv', 'venv', '--clear', '--seed', folder],
    ['virtualenv', '--quiet', '--clear', folder],
  ]
  return ways.some((way) => run(way) === undefined)
    ? undefined
    : 'python3 has no venv module (apt-get install python3-venv), and there is neither uv nor virtualenv'
}

/** `undefined`: it went well; otherwise the last thing it said. */
function run([command = '', ...args]: string[]): string | undefined {
  try {
    execFileSync(command, args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: INSTALL_MS,
      encoding: 'utf8',
    })
    return undefined
  } catch (error) {
    const said = String((error as { stderr?: string }).stderr ?? '')
      .trim()
      .split('\n')
      .at(-1)
    return said || String(error).split('\n')[0]
  }
}
