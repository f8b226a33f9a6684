import { spawn } from 'node:child_process'

export type Outcome = { code: number | null; out: string; err: string }

/** Runs npm and returns its exit code and output. Never rejects for an exit code. */
export function npm(args: string[], { cwd, env }: { cwd: string; env?: Record<string, string> }) {
  return run('npm', args, { cwd, ...(env && { env }) })
}

/** Runs a program and returns its exit code and output. @throws Error (rejects) where it cannot be started */
export function run(
  program: string,
  args: string[],
  { cwd, env = {} }: { cwd: string; env?: Record<string, string> },
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env: { ...process.env, NO_COLOR: '1', ...env } })
    let [out, err] = ['', '']
    child.stdout.on('data', (chunk) => {
      out += chunk
    })
    child.stderr.on('data', (chunk) => {
      err += chunk
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, out, err }))
  })
}

/** Returns npm's error code, e.g. `E404`, and undefined where its output names none. */
export const errorCodeOf = ({ out, err }: Outcome): string | undefined =>
  /npm (?:error|ERR!) code (\w+)/.exec(err)?.[1] ?? /"code": "(\w+)"/.exec(out)?.[1]
