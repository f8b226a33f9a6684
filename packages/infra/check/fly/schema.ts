import * as z from 'zod'

/**
 * Mirrors the structs of flyctl's appconfig package: names and types of all fields of a fly.toml. flyctl ignores unknown
 * fields; here each of them is an error, since most are misspelt. Sections that this project does not use (statics,
 * containers, experimental) are left out.
 */
const duration = z.string().regex(/^(\d+(ms|s|m|h))+$/, 'is no duration such as "15s" or "5m"')
const groups = z.array(z.string().min(1)).min(1)
const port = z.int().min(1).max(65_535)
const text = z.string().min(1)
const size = z.union([z.int().positive(), z.string().regex(/^\d+\s*(mb|gb)$/i, 'is no size such as "512mb"')])

const httpCheck = {
  interval: duration,
  timeout: duration,
  grace_period: duration,
  method: z.enum(['GET', 'HEAD', 'POST']),
  path: z.string().startsWith('/'),
  protocol: z.enum(['http', 'https']).optional(),
  tls_skip_verify: z.boolean().optional(),
  tls_server_name: text.optional(),
  headers: z.record(z.string(), z.string()).optional(),
}
const tcpCheck = { interval: duration, timeout: duration, grace_period: duration }

const concurrency = z.strictObject({
  type: z.enum(['connections', 'requests']),
  soft_limit: z.int().positive(),
  hard_limit: z.int().positive(),
})

const scaling = {
  auto_stop_machines: z.union([z.enum(['off', 'stop', 'suspend']), z.boolean()]),
  auto_start_machines: z.boolean(),
  min_machines_running: z.int().min(0),
}

const httpService = z.strictObject({
  internal_port: port,
  processes: groups,
  force_https: z.boolean(),
  ...scaling,
  concurrency: concurrency.optional(),
  http_options: z.record(z.string(), z.unknown()).optional(),
  tls_options: z.record(z.string(), z.unknown()).optional(),
  checks: z
    .array(z.strictObject(httpCheck))
    .min(1, 'has no check, so that a machine that hangs keeps its traffic'),
})

const service = z.strictObject({
  protocol: z.enum(['tcp', 'udp']),
  internal_port: port,
  processes: groups,
  ...scaling,
  concurrency: concurrency.optional(),
  ports: z
    .array(
      z.strictObject({
        port: port.optional(),
        start_port: port.optional(),
        end_port: port.optional(),
        handlers: z.array(z.enum(['http', 'tls', 'pg_tls', 'proxy_proto', 'edge_http'])).optional(),
        force_https: z.boolean().optional(),
      }),
    )
    .min(1),
  http_checks: z.array(z.strictObject(httpCheck)).optional(),
  tcp_checks: z.array(z.strictObject(tcpCheck)).optional(),
})

const topLevelCheck = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('http'), port, processes: groups, ...httpCheck }),
  z.strictObject({ type: z.literal('tcp'), port, processes: groups, ...tcpCheck }),
])

const machine = {
  size: text.optional(),
  cpu_kind: z.enum(['shared', 'performance']).optional(),
  cpus: z.int().optional(),
  memory: size,
}

export const flySchema = z.strictObject({
  app: z.string().regex(/^[a-z0-9][a-z0-9-]{0,61}[a-z0-9]$/, 'is no name of an app'),
  primary_region: z.string().regex(/^[a-z]{3}$/, 'is no code of a region such as "ord"'),
  kill_signal: text,
  kill_timeout: duration,
  swap_size_mb: z.int().positive().optional(),
  build: z.strictObject({
    image: text.optional(),
    dockerfile: text.optional(),
    ignorefile: text.optional(),
    'build-target': text.optional(),
    args: z.record(z.string(), z.string()).optional(),
  }),
  deploy: z.strictObject({
    strategy: z.enum(['rolling', 'immediate', 'canary', 'bluegreen']),
    max_unavailable: z.number().positive().optional(),
    wait_timeout: duration.optional(),
    release_command: text.optional(),
    release_command_timeout: duration.optional(),
  }),
  env: z.record(z.string().regex(/^[A-Z][A-Z0-9_]*$/, 'is no name of a variable'), z.string()).optional(),
  processes: z.record(z.string(), text).optional(),
  mounts: z
    .array(
      z.strictObject({
        source: text,
        destination: z.string().startsWith('/'),
        initial_size: size.optional(),
        snapshot_retention: z.int().min(1).max(60).optional(),
        auto_extend_size_threshold: z.int().optional(),
        auto_extend_size_increment: size.optional(),
        auto_extend_size_limit: size.optional(),
        processes: groups,
      }),
    )
    .optional(),
  files: z
    .array(
      z.strictObject({
        guest_path: z.string().startsWith('/'),
        local_path: text.optional(),
        secret_name: text.optional(),
        raw_value: text.optional(),
        processes: groups,
      }),
    )
    .optional(),
  metrics: z
    .array(
      z.strictObject({
        port,
        path: z.string().startsWith('/'),
        https: z.boolean().optional(),
        processes: groups,
      }),
    )
    .optional(),
  http_service: httpService.optional(),
  services: z.array(service).optional(),
  checks: z.record(z.string(), topLevelCheck).optional(),
  restart: z
    .array(
      z.strictObject({
        policy: z.enum(['always', 'never', 'on-failure']),
        retries: z.int().positive().optional(),
        processes: groups,
      }),
    )
    .min(1),
  vm: z.array(z.strictObject({ ...machine, processes: groups })).min(1),
})

export type FlyConfig = z.output<typeof flySchema>
