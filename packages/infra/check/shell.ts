import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { hasProgram } from './debian.ts'
import type { Finding } from './finding.ts'

type Comment = { line: number; level: string; code: number; message: string }

/** Returns the program, installed where that is allowed. `undefined`: it is not available. */
export const ensureShellcheck = (): string | undefined =>
  hasProgram('shellcheck') ? 'shellcheck' : undefined

/** Returns the start scripts of all apps, as paths from the root of the package. */
export const startScripts = (root: string): string[] =>
  readdirSync(join(root, 'fly')).flatMap((app) => {
    const folder = `fly/${app}/bin`
    return existsSync(join(root, folder))
      ? readdirSync(join(root, folder)).map((name) => `${folder}/${name}`)
      : []
  })

/** Checks start scripts: shellcheck's findings where there is one, and that the program replaces the shell. */
export function checkShell(root: string, shellcheck: string | undefined): Finding[] {
  return startScripts(root).flatMap((file) => {
    const path = join(root, file)
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
    const find = (line: number, problem: string, fix: string): Finding => ({
      file,
      line,
      rule: 'start-script',
      problem,
      fix,
    })
    return [
      ...((statSync(path).mode & 0o111) === 0o111 ? [] : [find(1, 'it is not executable', 'chmod +x')]),
      ...(lines[0] === '#!/bin/sh' ? [] : [find(1, 'slim images have no other shell', '#!/bin/sh')]),
      ...(lines.includes('set -eu') ? [] : [find(1, 'it goes on after a failure', 'set -eu')]),
      ...(/^exec /.test(lines.at(-1) ?? '')
        ? []
        : [
            find(
              lines.length,
              'its last command is no exec, so SIGTERM ends the shell alone',
              'exec program …',
            ),
          ]),
      ...(shellcheck === undefined ? [] : commentsOf(shellcheck, path).map(toFinding(file))),
    ]
  })
}

const toFinding =
  (file: string) =>
  ({ line, code, message }: Comment): Finding => ({
    file,
    line,
    rule: 'shellcheck',
    problem: `SC${code}: ${message}`,
    fix: `https://www.shellcheck.net/wiki/SC${code}`,
  })

function commentsOf(shellcheck: string, path: string): Comment[] {
  const { stdout, stderr } = spawnSync(shellcheck, ['--format', 'json1', path], { encoding: 'utf8' })
  if (stdout === '') throw new Error(`shellcheck failed: ${stderr}`)
  return (JSON.parse(stdout) as { comments: Comment[] }).comments
}
