import { spawnSync } from 'node:child_process'

/** One installation at a time: apt-get fails where another one runs. */
const LOCK = '/tmp/llm-gateway-apt.lock'
const INSTALL = 'apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"'
/** Waits up to 300 s for apt-get of other programs. */
const DPKG_WAIT = ['-o', 'DPkg::Lock::Timeout=300']

/**
 * Installs packages of Debian where that is allowed, which is on Debian, as root; elsewhere does nothing. Other processes that
 * install in this way wait for each other. The caller looks for the program again, and says what is missing.
 */
export function installDebian(...packages: string[]): void {
  if (process.getuid?.() !== 0 || spawnSync('apt-get', ['--version']).status !== 0) return
  const command = ['sh', '-c', INSTALL, 'sh', ...DPKG_WAIT, ...packages]
  const [program = 'sh', ...args] =
    spawnSync('flock', ['--version']).status === 0 ? ['flock', LOCK, ...command] : command
  spawnSync(program, args, {
    stdio: 'ignore',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
}

/**
 * Tells whether a program is there, after installing its package where that is allowed.
 *
 * @param asked arguments with which it ends at once
 */
export function hasProgram(program: string, debianPackage = program, asked = ['--version']): boolean {
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` }
  const isThere = () => spawnSync(program, asked, { env }).status === 0
  if (isThere()) return true
  installDebian(debianPackage)
  return isThere()
}
