import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Finding } from '../finding.ts'
import { baseFindings } from './base.ts'
import { execForm, type Instruction, parseDockerfile } from './parse.ts'
import type { Report } from './report.ts'
import { runFindings } from './run.ts'

const KNOWN = new Set(
  'ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL RUN SHELL STOPSIGNAL USER VOLUME WORKDIR'.split(
    ' ',
  ),
)
const SECRET_NAME = /(^|_)(KEY|TOKEN|SECRET|PASSWORD|PASSWD|NPMRC|CREDENTIALS?)(_|$)/i

/** Checks a Dockerfile by rules of the kind that hadolint has, and some of this project. */
export function checkDockerfile(root: string, file: string): Finding[] {
  const instructions = parseDockerfile(readFileSync(join(root, file), 'utf8'))
  const report: Report = ({ line }, rule, problem, fix) => ({ file, line, rule, problem, fix })
  return [
    ...instructions
      .filter(({ name }) => !KNOWN.has(name))
      .map((found) => report(found, 'docker-syntax', `${found.name} is no instruction`, 'Correct it.')),
    ...baseFindings(instructions, report),
    ...instructions.flatMap((found) => instructionFindings(found, report)),
    ...instructions.filter(({ name }) => name === 'RUN').flatMap((found) => runFindings(found, report)),
    ...lastFindings(instructions, report),
    ...copyFindings(instructions, report, join(root, dirname(file))),
  ]
}

function instructionFindings(found: Instruction, report: Report): Finding[] {
  const { name, value } = found
  if ((name === 'ARG' || name === 'ENV') && SECRET_NAME.test(namesIn(found).join(' ')))
    return [
      report(
        found,
        'docker-secret',
        `${name} keeps what looks like a secret in the image`,
        'RUN --mount=type=secret, or a secret of the app.',
      ),
    ]
  if ((name === 'CMD' || name === 'ENTRYPOINT') && execForm(value) === undefined)
    return [
      report(
        found,
        'docker-exec',
        `${name} in shell form runs below a shell, which keeps SIGTERM for itself`,
        `${name} ["program", "argument"]`,
      ),
    ]
  if (name === 'ADD') return [report(found, 'docker-add', 'ADD fetches and unpacks by itself', 'COPY')]
  if (name === 'WORKDIR' && !value.startsWith('/'))
    return [report(found, 'docker-workdir', 'WORKDIR is relative', 'An absolute path.')]
  if (name === 'HEALTHCHECK' && execForm(value.replace(/^CMD\s+/, '')) === undefined)
    return [report(found, 'docker-exec', 'the health check is in shell form', 'HEALTHCHECK CMD ["…"]')]
  return []
}

/** Returns the names that an ARG or ENV sets. */
const namesIn = ({ value }: Instruction): string[] =>
  [...value.matchAll(/(?:^|\s)([A-Za-z_]\w*)(?:=("[^"]*"|\S*))?/g)].map(([, name = '']) => name)

/** What the last stage, which is the image, must have. */
function lastFindings(instructions: Instruction[], report: Report): Finding[] {
  const from = instructions.findLastIndex(({ name }) => name === 'FROM')
  const stage = instructions.slice(from)
  const only = (name: string) => stage.filter((found) => found.name === name)
  const user = only('USER').at(-1)
  const end = stage.at(-1) ?? { line: 1 }
  const commands = only('CMD')
  return [
    ...(user === undefined || /^(root|0)(:|$)/.test(user.value)
      ? [report(user ?? end, 'docker-user', 'the image runs as root', 'USER with a name, before CMD.')]
      : []),
    ...(only('HEALTHCHECK').length === 0
      ? [report(end, 'docker-health', 'there is no health check', 'HEALTHCHECK CMD ["…"]')]
      : []),
    ...(commands.length === 1
      ? []
      : [report(commands[1] ?? end, 'docker-cmd', `there are ${commands.length} CMD`, 'One CMD.')]),
  ]
}

/** Files are copied by name, from stages that exist and paths that exist. */
function copyFindings(instructions: Instruction[], report: Report, folder: string): Finding[] {
  const stages = instructions.flatMap(({ name, value }) =>
    name === 'FROM' ? (/\bAS\s+(\S+)$/i.exec(value)?.[1] ?? []) : [],
  )
  return instructions
    .filter(({ name }) => name === 'COPY')
    .flatMap((found) => {
      const { from } = found.flags
      if (from !== undefined)
        return stages.includes(from)
          ? []
          : [report(found, 'docker-copy', `there is no stage "${from}"`, `One of: ${stages.join(', ')}.`)]
      return found.value
        .split(/\s+/)
        .slice(0, -1)
        .flatMap((source) => {
          if (source === '.' || source === './')
            return [
              report(found, 'docker-copy', 'everything is copied, .env files as well', 'Files by name.'),
            ]
          if (source.endsWith('*') || existsSync(join(folder, source))) return []
          return [report(found, 'docker-copy', `there is no ${source}`, 'Correct the path.')]
        })
    })
}
