import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { chownSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { installDebian } from '../../packages/infra/check/debian.ts'

export type Postgres = {
  /** Address of role `postgres` for psql and other clients, by the socket. */
  url: string
  /** TCP port on loopback, where passwords are checked. 0: it listens on its socket only. */
  port: number
  /** The rows of the last statement as lines, columns apart by `|`; rejects with what Postgres said. */
  sql: (sql: string) => Promise<string[]>
  /** The same, with what it said on the way: notices, and plans that it logs. */
  told: (sql: string) => Promise<{ lines: string[]; said: string }>
  close: () => void
}

/** Where Debian, Homebrew and PGDG put the server's programs, beside PATH. */
function programs(): string | undefined {
  const places = [
    '',
    ...versionsIn('/usr/lib/postgresql').map((version) => `/usr/lib/postgresql/${version}/bin/`),
    ...versionsIn('/opt/homebrew/opt', /^postgresql@/).map((name) => `/opt/homebrew/opt/${name}/bin/`),
  ]
  return places.find((place) => spawnSync(`${place}pg_ctl`, ['--version']).status === 0)
}

function versionsIn(directory: string, named = /^\d+$/): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => named.test(name))
      .toSorted()
      .toReversed()
  } catch {
    return []
  }
}

/** Installs a server where that is allowed, which is on Debian, as root. `undefined`: no server is available. */
export function ensurePostgres(): string | undefined {
  const there = programs()
  if (there !== undefined) return there
  installDebian('postgresql')
  return programs()
}

/** A cluster of one's own in a temporary directory, reached by a socket there; the server refuses to run as root. */
export function startPostgres(place: string, port = 0): Postgres {
  const dir = mkdtempSync(join(tmpdir(), 'gateway-postgres-'))
  const owner = userInfo().uid === 0 ? ownerOf('postgres') : undefined
  if (owner !== undefined) chownSync(dir, owner.uid, owner.gid)
  const data = join(dir, 'data')
  const run = (program: string, args: string[]) =>
    execFileSync(`${place}${program}`, args, { ...owner, cwd: dir, stdio: 'ignore' })
  run('initdb', [
    '-D',
    data,
    '-U',
    'postgres',
    '--auth-local=trust',
    '--auth-host=scram-sha-256',
    '-E',
    'UTF8',
  ])
  // Small memory, as a small project of Supabase has; nothing here must survive a crash.
  const listening = port === 0 ? '-c listen_addresses=' : `-c listen_addresses=127.0.0.1 -p ${port}`
  const settings = `-k ${dir} ${listening} -c shared_buffers=256MB -c fsync=off -c max_wal_size=4GB`
  run('pg_ctl', ['-D', data, '-o', settings, '-l', join(dir, 'log'), '-w', 'start'])

  function told(sql: string): Promise<{ lines: string[]; said: string }> {
    const args = [
      '-h',
      dir,
      '-p',
      String(port || 5432),
      '-U',
      'postgres',
      '-d',
      'postgres',
      '-X',
      '-q',
      '-At',
      '-v',
      'ON_ERROR_STOP=1',
      '-f',
      '-',
    ]
    return new Promise((resolve, reject) => {
      const psql = spawn('psql', args, { stdio: ['pipe', 'pipe', 'pipe'] })
      let out = ''
      let said = ''
      psql.stdout.on('data', (piece) => (out += String(piece)))
      psql.stderr.on('data', (piece) => (said += String(piece)))
      psql.on('error', reject)
      psql.on('close', (code) => {
        if (code === 0) resolve({ lines: out.split('\n').filter((line) => line !== ''), said })
        else reject(new Error(said))
      })
      psql.stdin.end(sql)
    })
  }

  return {
    url: `postgresql://postgres@/postgres?host=${dir}&port=${port || 5432}`,
    port,
    told,
    sql: async (sql) => (await told(sql)).lines,
    close() {
      try {
        run('pg_ctl', ['-D', data, '-m', 'immediate', '-w', 'stop'])
      } finally {
        rmSync(dir, { recursive: true, force: true })
      }
    },
  }
}

function ownerOf(user: string): { uid: number; gid: number } {
  const id = (flag: string) => Number(execFileSync('id', [flag, user], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}
