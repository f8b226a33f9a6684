import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Peer } from './peers.ts'

const SIDES = fileURLToPath(new URL('./sides/', import.meta.url))
/** What sides share. */
const CHAT = 'chat.mjs'
const INSTALL_MS = 5 * 60_000

/** Installs a peer in a folder of its own, unless it is there. Returns the path of its side, and what was installed. */
export function install(peer: Peer, keep: string): { file: string; versions: string } {
  if (peer.npm === undefined) return { file: join(SIDES, peer.side), versions: 'this checkout' }
  const folder = join(keep, peer.id)
  const manifest = JSON.stringify({
    private: true,
    type: 'module',
    dependencies: peer.npm,
    ...(peer.overrides && { overrides: peer.overrides }),
    ...(peer.git && { config: peer.git }),
  })
  const done = join(folder, 'installed')
  if (!existsSync(done) || readFileSync(done, 'utf8') !== manifest) {
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'package.json'), manifest)
    const quietly = ['--no-audit', '--no-fund', '--loglevel=error']
    run('npm', ['install', ...quietly, ...(peer.legacyPeers ? ['--legacy-peer-deps'] : [])], folder)
    if (peer.git !== undefined) compile(peer.git, folder)
    writeFileSync(done, manifest)
  }
  for (const file of [peer.side, CHAT, ...(peer.with ?? [])])
    copyFileSync(join(SIDES, file), join(folder, file))
  const versions = Object.entries(peer.npm)
    .filter(([name]) => !/^(typescript|@types)/.test(name))
    .map(([name, version]) => `${name} ${version}`)
  if (peer.git !== undefined) versions.push(`${peer.git.url.replace(/\.git$/, '')} ${peer.git.commit}`)
  return { file: join(folder, peer.side), versions: versions.join(', ') }
}

/** Types are not checked: they need packages that only its developers install. */
function compile({ url, commit }: { url: string; commit: string }, folder: string): void {
  run('git', ['clone', '--quiet', url, 'source'], folder)
  run('git', ['-C', 'source', 'checkout', '--quiet', commit], folder)
  run('npm', ['exec', '--', 'tsc', '-p', 'source', '--noCheck', '--declaration', 'false'], folder)
}

/** @throws with the last lines that the program wrote. */
export function run(command: string, args: string[], cwd: string): void {
  try {
    execFileSync(command, args, {
      cwd,
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: INSTALL_MS,
      encoding: 'utf8',
    })
  } catch (error) {
    const said = String((error as { stderr?: string }).stderr ?? '').trim()
    const why = said
      .replaceAll(/npm error |\n/g, ' ')
      .trim()
      .slice(0, 300)
    throw new Error(`${command}: ${why || String(error)}`, { cause: error })
  }
}
