import type { Finding } from '../finding.ts'
import type { FlyFile } from './parse.ts'
import { megabytesOf, secondsOf } from './units.ts'

/** Names of the process groups; without [processes], Fly's own one. */
export const groupsOf = ({ config }: FlyFile): string[] => Object.keys(config.processes ?? { app: '' })

/** Every `processes` list names groups that exist, and each group has a machine and a restart policy. */
export function groupFindings(fly: FlyFile): Finding[] {
  const { config, at } = fly
  const groups = groupsOf(fly)
  const lists = [
    ...(config.http_service ? [{ path: ['http_service'], listed: config.http_service.processes }] : []),
    ...(['services', 'mounts', 'files', 'metrics', 'restart', 'vm'] as const).flatMap((section) =>
      (config[section] ?? []).map((entry, index) => ({ path: [section, index], listed: entry.processes })),
    ),
    ...Object.entries(config.checks ?? {}).map(([name, check]) => ({
      path: ['checks', name],
      listed: check.processes,
    })),
  ]
  const unknown = lists.flatMap(({ path, listed }) =>
    listed
      .filter((group) => !groups.includes(group))
      .map((group) =>
        at(
          [...path, 'processes'],
          'fly-groups',
          `there is no process group "${group}"`,
          `Write one of: ${groups.join(', ')}.`,
        ),
      ),
  )
  const without = (['vm', 'restart'] as const).flatMap((section) =>
    groups
      .filter(
        (group) => (config[section] ?? []).filter((entry) => entry.processes.includes(group)).length !== 1,
      )
      .map((group) =>
        at(
          [section],
          'fly-groups',
          `process group "${group}" is not in exactly one [[${section}]]`,
          `Give it one [[${section}]] with processes = ["${group}"].`,
        ),
      ),
  )
  return [...unknown, ...without]
}

/** Sizes that Fly has: per shared CPU 256 to 2,048 MB, per performance CPU 2,048 to 8,192 MB, in steps of 256 MB. */
export function memoryFindings({ config, at }: FlyFile): Finding[] {
  return config.vm.flatMap((vm, index) => {
    const sized = /^(shared|performance)-(?:cpu-)?(\d+)x$/.exec(vm.size ?? '')
    const kind = vm.cpu_kind ?? sized?.[1] ?? 'shared'
    const cpus = vm.cpus ?? Number(sized?.[2] ?? 1)
    const memory = megabytesOf(vm.memory)
    const [least, most] = kind === 'shared' ? [256, 2_048] : [2_048, 8_192]
    const allowed = kind === 'shared' ? [1, 2, 4, 6, 8] : [1, 2, 4, 6, 8, 10, 12, 14, 16]
    const path = ['vm', index]
    return [
      ...(allowed.includes(cpus)
        ? []
        : [
            at(
              [...path, 'cpus'],
              'fly-memory',
              `${cpus} ${kind} CPUs do not exist`,
              `One of ${allowed.join(', ')}.`,
            ),
          ]),
      ...(memory < least * cpus || memory > most * cpus || memory % 256 !== 0
        ? [
            at(
              [...path, 'memory'],
              'fly-memory',
              `${memory} MB do not fit ${cpus} ${kind} CPU${cpus === 1 ? '' : 's'}`,
              `${least * cpus} to ${most * cpus} MB in steps of 256, or other cpus.`,
            ),
          ]
        : []),
    ]
  })
}

/** Volumes: one per group, and no deployment that needs a second machine beside it. */
export function mountFindings(fly: FlyFile): Finding[] {
  const { config, at } = fly
  const mounts = config.mounts ?? []
  const { strategy } = config.deploy
  const doubled = groupsOf(fly).filter(
    (group) => mounts.filter(({ processes }) => processes.includes(group)).length > 1,
  )
  return [
    ...doubled.map((group) =>
      at(['mounts', 1], 'fly-mounts', `group "${group}" has several mounts`, 'One mount per group.'),
    ),
    ...(mounts.length > 0 && (strategy === 'canary' || strategy === 'bluegreen')
      ? [
          at(
            ['deploy', 'strategy'],
            'fly-mounts',
            `"${strategy}" is impossible with mounts: two machines cannot share a volume`,
            'strategy = "rolling" or "immediate".',
          ),
        ]
      : []),
  ]
}

/** The end of a machine: SIGTERM, which our programs handle, and no more time than Fly gives. */
export function endFindings({ config, at }: FlyFile): Finding[] {
  const seconds = secondsOf(config.kill_timeout)
  return [
    ...(config.kill_signal === 'SIGTERM'
      ? []
      : [at(['kill_signal'], 'fly-end', `kill_signal is ${config.kill_signal}`, 'kill_signal = "SIGTERM".')]),
    ...(seconds < 5 || seconds > 300
      ? [
          at(
            ['kill_timeout'],
            'fly-end',
            `kill_timeout is ${seconds} s; Fly allows 300 s at most`,
            '5s to 300s.',
          ),
        ]
      : []),
  ]
}
