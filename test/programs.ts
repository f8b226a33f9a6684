import { execFileSync, spawnSync } from 'node:child_process'

/**
 * Tells whether a program is there, after installing its Debian package where that is allowed, which is as root.
 *
 * @param asked arguments with which it ends at once
 */
export function hasProgram(program: string, debianPackage = program, asked = ['--version']): boolean {
  const isThere = () => spawnSync(program, asked).status === 0
  if (isThere()) return true
  try {
    const quiet = { stdio: 'ignore', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } } as const
    execFileSync('apt-get', ['update', '-qq'], quiet)
    execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', debianPackage], quiet)
  } catch {
    // Its tests are skipped.
  }
  return isThere()
}
