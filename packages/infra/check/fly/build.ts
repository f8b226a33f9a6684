import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Finding } from '../finding.ts'
import { groupsOf } from './machines.ts'
import type { FlyFile } from './parse.ts'
import { secondsOf } from './units.ts'

/** Files that `llm-gateway init` or `llm-gateway litellm-config` writes beside a fly.toml. */
const GENERATED = new Set(['policy.json', 'monitor.json', 'config.yaml', 'custom_auth.py'])

/** Time that a program needs after its grace to deliver records, in seconds. */
const FLUSH_SECONDS = 3

/** The image is one version, by tag or by our Dockerfile, and all files that it takes are there. */
export function buildFindings(fly: FlyFile, root: string): Finding[] {
  const { config, file, at } = fly
  const folder = join(root, dirname(file))
  const { image, dockerfile } = config.build
  const findings: Finding[] = []
  if ((image === undefined) === (dockerfile === undefined))
    findings.push(
      at(['build'], 'fly-image', 'not exactly one of image and dockerfile is given', 'One of them.'),
    )
  if (image !== undefined && !/:(?!latest$)[\w][\w.-]*(@sha256:[0-9a-f]{64})?$/.test(image))
    findings.push(
      at(
        ['build', 'image'],
        'fly-image',
        `${image} is not one version`,
        'A full version as tag, never latest.',
      ),
    )
  if (image !== undefined && config.processes !== undefined)
    findings.push(
      at(['processes'], 'fly-image', 'a foreign image is started by its own command', 'Remove [processes].'),
    )
  if (dockerfile !== undefined && !existsSync(join(folder, dockerfile)))
    findings.push(at(['build', 'dockerfile'], 'fly-files', `there is no ${dockerfile}`, 'Correct the name.'))
  for (const [index, { local_path: path }] of (config.files ?? []).entries())
    if (path !== undefined && !GENERATED.has(path) && !existsSync(join(folder, path)))
      findings.push(
        at(['files', index, 'local_path'], 'fly-files', `there is no ${path}`, 'Correct the path.'),
      )
  return [...findings, ...(dockerfile === undefined ? [] : startFindings(fly, folder))]
}

/** Each group is started by a script in bin/, which ends within the kill timeout and listens on the port that Fly asks. */
function startFindings(fly: FlyFile, folder: string): Finding[] {
  const { config, at } = fly
  return groupsOf(fly).flatMap((group) => {
    const command = config.processes?.[group] ?? ''
    const script = join(folder, 'bin', command)
    if (command === '' || !existsSync(script))
      return [
        at(
          ['processes', group],
          'fly-start',
          `there is no bin/${command}`,
          'A start script in bin/, by its name.',
        ),
      ]
    const text = readFileSync(script, 'utf8')
    const option = (name: string) => Number(new RegExp(`--${name} (\\d+)`).exec(text)?.[1] ?? 0)
    const needs = option('grace') + option('shutdown-delay') + FLUSH_SECONDS
    const has = secondsOf(config.kill_timeout)
    const late =
      needs <= has
        ? []
        : [
            at(
              ['kill_timeout'],
              'fly-end',
              `bin/${command} needs ${needs} s after SIGTERM, and kill_timeout is ${has} s`,
              `kill_timeout = "${needs + 5}s", or a shorter --grace.`,
            ),
          ]
    return [...late, ...portFindings(fly, group, command, text)]
  })
}

/** Services and figures are asked at the port on which the group's script listens. */
function portFindings({ config, at }: FlyFile, group: string, command: string, script: string): Finding[] {
  const [, variable = '', fallback = ''] = /--port "?\$\{(\w+):-(\d+)\}/.exec(script) ?? []
  if (fallback === '') return []
  const listens = Number(config.env?.[variable] ?? fallback)
  const http = config.http_service
  const asked = [
    ...(http === undefined
      ? []
      : [{ ...http, port: http.internal_port, path: ['http_service', 'internal_port'] }]),
    ...(config.services ?? []).map((service, index) => ({
      ...service,
      port: service.internal_port,
      path: ['services', index, 'internal_port'],
    })),
    ...(config.metrics ?? []).map((figures, index) => ({ ...figures, path: ['metrics', index, 'port'] })),
  ]
  return asked
    .filter(({ processes, port }) => processes.includes(group) && port !== listens)
    .map(({ path, port }) =>
      at(path, 'fly-ports', `bin/${command} listens on ${listens}, and Fly asks ${port}`, `${listens}`),
    )
}
