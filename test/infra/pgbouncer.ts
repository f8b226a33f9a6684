import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { hasProgram } from '../../packages/infra/check/debian.ts'

export type Pgbouncer = { port: number; close: () => Promise<void> }

const PROGRAM = 'pgbouncer'
const ENV = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` }

/** Installs a pgbouncer where that is allowed. `false`: none is available. */
export const ensurePgbouncer = (): boolean => hasProgram(PROGRAM)

/** Starts a pgbouncer in transaction mode, as Supabase's pooler on port 6543 is, with two connections to the server. */
export async function startPgbouncer(
  port: number,
  server: number,
  users: Record<string, string>,
): Promise<Pgbouncer> {
  const dir = mkdtempSync(join(tmpdir(), 'gateway-pgbouncer-'))
  chmodSync(dir, 0o755)
  const list = Object.entries(users).map(([name, password]) => `"${name}" "${password}"\n`)
  writeFileSync(join(dir, 'users.txt'), list.join(''))
  writeFileSync(
    join(dir, 'pgbouncer.ini'),
    `[databases]
* = host=127.0.0.1 port=${server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${join(dir, 'users.txt')}
pool_mode = transaction
default_pool_size = 2
ignore_startup_parameters = extra_float_digits
`,
  )
  // It refuses to run as root.
  const isRoot = userInfo().uid === 0
  const args = [...(isRoot ? ['-u', 'postgres'] : []), join(dir, 'pgbouncer.ini')]
  const child: ChildProcess = spawn(PROGRAM, args, { stdio: 'ignore', env: ENV })
  while (!(await answers(port))) {
    if (child.exitCode !== null) throw new Error(`pgbouncer has ended with ${child.exitCode}`)
    await sleep(25)
  }
  return {
    port,
    async close() {
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await gone
      rmSync(dir, { recursive: true })
    },
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
