import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { checkFiles } from '../../packages/infra/check/all.ts'
import { ensureShellcheck } from '../../packages/infra/check/shell.ts'
import { checkSql } from '../../packages/infra/check/sql.ts'

const infra = fileURLToPath(new URL('../../packages/infra', import.meta.url))
const folders: string[] = []
const shellcheck = ensureShellcheck()
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true })
})

/** Returns a copy of the package's files. */
function copy(): string {
  const root = mkdtempSync(join(tmpdir(), 'infra-'))
  folders.push(root)
  for (const name of ['fly', 'supabase', 'secrets.json'])
    cpSync(join(infra, name), join(root, name), { recursive: true })
  return root
}

/** Returns a copy in which one passage of one file is replaced. */
function copyWith(file: string, from: string | RegExp, to: string): string {
  const root = copy()
  const text = readFileSync(join(root, file), 'utf8')
  const changed = text.replace(from, to)
  if (changed === text) throw new Error(`${file} has no ${from}`)
  writeFileSync(join(root, file), changed)
  return root
}

type Break = [rule: string, file: string, from: string | RegExp, to: string, problem: RegExp]

const GATEWAY = 'fly/gateway/fly.toml'
const THIN = 'fly/langfuse-thin/fly.toml'
const CLICKHOUSE = 'fly/clickhouse/fly.toml'
const IMAGE = 'fly/gateway/Dockerfile'
const LITELLM = 'fly/litellm/Dockerfile'
const SERVE = 'fly/gateway/bin/start-serve'

const FLY: Break[] = [
  ['fly-syntax', GATEWAY, '[build]', '[build', /./],
  ['fly-syntax', GATEWAY, 'app = "hotdash-llm-gateway"', 'app = "hotdash-llm-gateway"\napp = "b"', /./],
  ['fly-schema', GATEWAY, 'internal_port', 'intrenal_port', /intrenal_port is no field/],
  ['fly-schema', GATEWAY, '[http_service]', '[htpp_service]', /htpp_service/],
  ['fly-schema', GATEWAY, 'path = "/health/readiness"', 'path = "health"', /path/],
  ['fly-schema', GATEWAY, 'policy = "always"', 'policy = "sometimes"', /policy/],
  ['fly-schema', GATEWAY, 'interval = "15s"', 'interval = "15 seconds"', /no duration/],
  ['fly-schema', GATEWAY, 'interval = "15s"', 'interval = 15', /interval/],
  ['fly-schema', GATEWAY, 'strategy = "rolling"', 'strategy = "slowly"', /strategy/],
  ['fly-schema', GATEWAY, 'primary_region = "ord"', 'primary_region = "Chicago"', /region/],
  ['fly-schema', GATEWAY, 'kill_timeout = "45s"', '', /kill_timeout/],
  ['fly-schema', GATEWAY, /\n {2}processes = \["serve"\]\n {2}force/, '\n  force', /processes/],
  ['fly-schema', GATEWAY, 'NODE_ENV = "production"', 'NODE_ENV = 1', /NODE_ENV/],
  ['fly-schema', GATEWAY, 'internal_port = 4000', 'internal_port = 70000', /internal_port/],
  [
    'fly-ports',
    GATEWAY,
    'internal_port = 4000',
    'internal_port = 4001',
    /start-serve listens on 4000, and Fly asks 4001/,
  ],
  ['fly-ports', GATEWAY, 'port = 9464', 'port = 9465', /start-monitor listens on 9464, and Fly asks 9465/],
  [
    'fly-image',
    'fly/langfuse-worker/fly.toml',
    'worker:4.16.0',
    'worker:4.15.0',
    /worker is of version 4.15.0/,
  ],
  ['fly-schema', GATEWAY, /\n {2}\[\[http_service.checks\]\][^[]*/, '\n', /checks/],
  ['fly-groups', GATEWAY, 'processes = ["serve"]\n  force', 'processes = ["server"]\n  force', /"server"/],
  [
    'fly-groups',
    GATEWAY,
    'memory = "512mb"\n  processes = ["monitor"]',
    'memory = "512mb"\n  processes = ["monitors"]',
    /"monitors"/,
  ],
  [
    'fly-groups',
    GATEWAY,
    'monitor = "start-monitor"',
    'monitor = "start-monitor"\n  third = "start-monitor"',
    /"third" is not in exactly one \[\[vm\]\]/,
  ],
  [
    'fly-groups',
    GATEWAY,
    'policy = "always"\n  processes = ["serve", "monitor"]',
    'policy = "always"\n  processes = ["serve"]',
    /"monitor" is not in exactly one \[\[restart\]\]/,
  ],
  [
    'fly-groups',
    CLICKHOUSE,
    'timeout = "5s"\n    processes = ["app"]',
    'timeout = "5s"\n    processes = ["web"]',
    /"web"/,
  ],
  ['fly-memory', GATEWAY, '1024mb', '4096mb', /4096 MB do not fit 1 shared CPU/],
  ['fly-memory', GATEWAY, '1024mb', '1000mb', /1000 MB/],
  ['fly-memory', CLICKHOUSE, 'cpus = 4', 'cpus = 3', /3 shared CPUs do not exist/],
  ['fly-memory', CLICKHOUSE, 'cpus = 4', 'cpus = 2', /8192 MB do not fit/],
  [
    'fly-memory',
    GATEWAY,
    'cpu_kind = "shared"',
    'cpu_kind = "performance"',
    /1024 MB do not fit 1 performance CPU/,
  ],
  ['fly-mounts', CLICKHOUSE, 'strategy = "rolling"', 'strategy = "bluegreen"', /impossible with mounts/],
  ['fly-mounts', CLICKHOUSE, 'strategy = "rolling"', 'strategy = "canary"', /impossible with mounts/],
  [
    'fly-mounts',
    CLICKHOUSE,
    '[[files]]',
    '[[mounts]]\n  source = "b"\n  destination = "/b"\n  processes = ["app"]\n\n[[files]]',
    /several mounts/,
  ],
  ['fly-end', GATEWAY, 'kill_signal = "SIGTERM"', 'kill_signal = "SIGKILL"', /SIGKILL/],
  ['fly-end', GATEWAY, 'kill_timeout = "45s"', 'kill_timeout = "10m"', /600 s/],
  ['fly-end', GATEWAY, 'kill_timeout = "45s"', 'kill_timeout = "30s"', /start-serve needs 33 s/],
  ['fly-end', SERVE, '--grace 25', '--grace 60', /start-serve needs 68 s/],
  ['fly-checks', GATEWAY, 'grace_period = "20s"', 'grace_period = "90s"', /grace_period is 90 s/],
  ['fly-checks', GATEWAY, 'interval = "15s"', 'interval = "1s"', /interval is 1 s/],
  [
    'fly-checks',
    GATEWAY,
    'timeout = "5s"\n    # force',
    'timeout = "20s"\n    # force',
    /longer than interval/,
  ],
  ['fly-checks', GATEWAY, 'headers = { X-Forwarded-Proto = "https" }', '', /redirect/],
  ['fly-checks', CLICKHOUSE, 'interval = "30s"', 'interval = "1500ms"', /interval is 1.5 s/],
  ['fly-checks', CLICKHOUSE, /\[checks\][\s\S]*?(?=\n\[\[restart)/, '', /no check looks at app/],
  ['fly-autostop', GATEWAY, 'auto_stop_machines = "off"', 'auto_stop_machines = "stop"', /machines stop/],
  ['fly-autostop', THIN, 'auto_stop_machines = "off"', 'auto_stop_machines = true', /machines stop/],
  ['fly-autostop', THIN, 'min_machines_running = 1', 'min_machines_running = 0', /no machine needs to run/],
  [
    'fly-ports',
    GATEWAY,
    '[[restart]]',
    '[[services]]\n  protocol = "tcp"\n  internal_port = 4000\n  processes = ["serve"]\n  auto_stop_machines = "off"\n  auto_start_machines = true\n  min_machines_running = 1\n  [[services.ports]]\n    port = 5000\n\n[[restart]]',
    /internal port 4000 of group "serve" is taken/,
  ],
  [
    'fly-ports',
    GATEWAY,
    '[[restart]]',
    '[[services]]\n  protocol = "tcp"\n  internal_port = 4001\n  processes = ["monitor"]\n  auto_stop_machines = "off"\n  auto_start_machines = true\n  min_machines_running = 1\n  [[services.ports]]\n    port = 443\n\n[[restart]]',
    /public port 443 is taken/,
  ],
  ['fly-ports', THIN, 'PORT = "3000"', 'PORT = "3001"', /listens on 3001/],
  ['fly-services', GATEWAY, 'soft_limit = 200', 'soft_limit = 900', /soft_limit/],
  ['fly-image', THIN, 'langfuse/langfuse:2.95.12', 'langfuse/langfuse:latest', /not one version/],
  ['fly-image', THIN, 'langfuse/langfuse:2.95.12', 'langfuse/langfuse', /not one version/],
  [
    'fly-image',
    THIN,
    '[http_service]',
    '[processes]\n  app = "x"\n\n[http_service]',
    /started by its own command/,
  ],
  [
    'fly-image',
    GATEWAY,
    'dockerfile = "Dockerfile"',
    'dockerfile = "Dockerfile"\n  image = "a/b:1"',
    /exactly one/,
  ],
  ['fly-files', GATEWAY, 'dockerfile = "Dockerfile"', 'dockerfile = "Containerfile"', /no Containerfile/],
  ['fly-files', CLICKHOUSE, 'local_path = "logs.xml"', 'local_path = "log.xml"', /no log.xml/],
  ['fly-start', GATEWAY, 'serve = "start-serve"', 'serve = "start-server"', /bin\/start-server/],
]

const DOCKER: Break[] = [
  ['docker-syntax', IMAGE, 'EXPOSE 4000', 'EXPSE 4000', /EXPSE/],
  ['docker-syntax', IMAGE, /^FROM .*$/gm, '', /no FROM/],
  ['docker-base', IMAGE, 'ARG NODE_DIGEST\n', '', /not pinned/],
  ['docker-base', IMAGE, 'ARG NODE_DIGEST\n', 'ARG NODE_DIGEST=sha256:0\n', /default/],
  ['docker-base', IMAGE, `@\${NODE_DIGEST} AS install`, ' AS install', /not pinned/],
  ['docker-base', IMAGE, 'node:22.23.2-bookworm-slim@', 'node:latest@', /no version/],
  ['docker-base', LITELLM, 'python:3.12.12-slim-bookworm@', 'python@', /no version/],
  ['docker-user', IMAGE, 'USER node\n', '', /root/],
  ['docker-user', IMAGE, 'USER node\n', 'USER root\n', /root/],
  ['docker-user', LITELLM, 'RUN useradd', 'RUN sudo useradd', /sudo/],
  ['docker-exec', IMAGE, 'CMD ["start-serve"]', 'CMD start-serve', /shell form/],
  [
    'docker-exec',
    IMAGE,
    'CMD ["start-serve"]',
    'ENTRYPOINT start-serve\nCMD ["x"]',
    /ENTRYPOINT in shell form/,
  ],
  [
    'docker-exec',
    IMAGE,
    /start-period=20s CMD .*/,
    'start-period=20s CMD curl localhost',
    /health check is in shell form/,
  ],
  ['docker-health', IMAGE, /^HEALTHCHECK.*\n/m, '', /no health check/],
  ['docker-cmd', IMAGE, 'CMD ["start-serve"]', 'CMD ["a"]\nCMD ["start-serve"]', /2 CMD/],
  ['docker-cmd', IMAGE, 'CMD ["start-serve"]', '', /0 CMD/],
  ['docker-secret', IMAGE, 'EXPOSE 4000', 'ARG NPM_TOKEN', /ARG keeps/],
  ['docker-secret', IMAGE, 'EXPOSE 4000', 'ENV A=1 OPENAI_API_KEY=x', /ENV keeps/],
  ['docker-add', IMAGE, 'COPY package.json', 'ADD package.json', /ADD/],
  ['docker-workdir', IMAGE, 'WORKDIR /app\n# package', 'WORKDIR app\n# package', /relative/],
  ['docker-workdir', IMAGE, 'npm install', 'cd /app && npm install', /cd holds/],
  ['docker-copy', IMAGE, 'COPY package.json', 'COPY . package.json', /everything/],
  ['docker-copy', IMAGE, '--from=install', '--from=build', /no stage "build"/],
  ['docker-copy', IMAGE, 'bin/start-serve bin', 'bin/start bin', /no bin\/start/],
  ['docker-npm', IMAGE, ' --omit=dev', '', /development/],
  ['docker-npm', IMAGE, /\\\n {4}&& npm cache clean --force/, '', /cache stays/],
  ['docker-npm', IMAGE, 'npm install', 'npm install -g', /global/],
  ['docker-pip', LITELLM, ' --no-cache-dir', '', /cache stays/],
  ['docker-pip', LITELLM, '==1.102.4', '', /any version/],
  ['docker-pipe', LITELLM, 'RUN useradd', 'RUN curl https://a.example/i | sh && useradd', /unread/],
  ...(
    [
      ['apt install -y x', /apt-get/],
      [
        'apt-get update && apt-get install --no-install-recommends x && rm -rf /var/lib/apt/lists/*',
        /question/,
      ],
      ['apt-get update && apt-get install -y x && rm -rf /var/lib/apt/lists/*', /recommended/],
      ['apt-get install -y --no-install-recommends x && rm -rf /var/lib/apt/lists/*', /older layer/],
      ['apt-get update && apt-get install -y --no-install-recommends x', /lists stay/],
    ] as const
  ).map(
    ([command, problem]): Break => [
      'docker-apt',
      LITELLM,
      'RUN useradd',
      `RUN ${command} && useradd`,
      command.startsWith('apt ') ? /for people/ : problem,
    ],
  ),
]

const SCRIPTS: Break[] = [
  ['start-script', SERVE, 'exec llm-gateway', 'llm-gateway', /no exec/],
  ['start-script', SERVE, '#!/bin/sh', '#!/bin/bash', /no other shell/],
  ['start-script', SERVE, 'set -eu\n', '', /goes on/],
]

const SECRETS: Break[] = [
  ['secrets', 'secrets.json', '"gateway": {', '"gateway": {,', /JSON/],
  ['secrets', 'secrets.json', '"make": "hex-32-bytes"', '"make": "hex-33-bytes"', /make/],
  ['secrets', 'secrets.json', '"rotateDays": 90', '"rotateDays": 900', /rotateDays/],
  [
    'secrets',
    'secrets.json',
    '{ "name": "ADMIN_KEY"',
    '{ "name": "UNUSED", "make": null, "rotateDays": 90, "purpose": "x" },\n{ "name": "ADMIN_KEY"',
    /no app uses UNUSED/,
  ],
  ['secrets', 'secrets.json', '"name": "ADMIN_KEY"', '"name": "PROD_CEO_KEY"', /declared twice/],
  [
    'secrets',
    'secrets.json',
    `"\${LANGFUSE_SALT}"`,
    `"\${LANGFUSE_PEPPER}"`,
    /LANGFUSE_PEPPER is not declared/,
  ],
  ['secrets', 'secrets.json', '"clickhouse": {', '"clickhous": {', /no fly\/clickhous/],
  ['secrets', 'fly/gateway/env.example', 'SUPABASE_SECRET_KEY=\n', '', /SUPABASE_SECRET_KEY is missing/],
  [
    'secrets',
    'fly/gateway/env.example',
    'SUPABASE_SECRET_KEY=',
    'SUPABASE_SECRET_KEY=\nOTHER=',
    /OTHER is no secret/,
  ],
  ['secrets', 'fly/gateway/env.example', 'SUPABASE_SECRET_KEY=', 'SUPABASE_SECRET_KEY=sb', /has a value/],
  ['secrets', GATEWAY, 'NODE_ENV = "production"', 'OPENAI_API_KEY = "x"', /stands in \[env\]/],
  ['secrets', SERVE, 'exec ', `: "\${UNHEARD_OF:?is not set}"\nexec `, /UNHEARD_OF is set nowhere/],
  ['secrets', THIN, 'NEXTAUTH_URL =', 'NEXTAUTH_ADDRESS =', /needs NEXTAUTH_URL/],
  ['secrets', THIN, 'AUTH_DISABLE_SIGNUP = "true"', '', /needs AUTH_DISABLE_SIGNUP/],
]

test('nothing is wrong with the files as they are', () => {
  expect(checkFiles(infra, shellcheck)).toEqual([])
})

test.each([...FLY, ...DOCKER, ...SCRIPTS, ...SECRETS])(
  '%s finds its break in %s: %s becomes %s',
  (rule, file, from, to, problem) => {
    const findings = checkFiles(copyWith(file, from, to), undefined)
    const found = findings.find((finding) => finding.rule === rule && problem.test(finding.problem))
    expect(found, JSON.stringify(findings)).toBeDefined()
    expect(found?.line).toBeGreaterThan(0)
    expect(found?.fix).not.toBe('')
  },
)

test.each([
  ['internal_port = 4000', 'intrenal_port = 4000', 'intrenal_port'],
  ['memory = "512mb"', 'memory = "5000mb"', '5000mb'],
  ['timeout = "5s"\n    # force', 'timeout = "70s"\n    # force', '70s'],
  ['kill_timeout = "45s"', 'kill_timeout = "20s"', 'kill_timeout'],
])('a finding names the line of its value: %s', (from, to, word) => {
  const root = copyWith(GATEWAY, from, to)
  const lines = readFileSync(join(root, GATEWAY), 'utf8').split('\n')
  const named = checkFiles(root, undefined).map(({ line }) => lines[line - 1])
  expect(
    named.some((line) => line?.includes(word)),
    named.join('\n'),
  ).toBe(true)
})

test.skipIf(shellcheck === undefined)('shellcheck finds what is wrong with a script', () => {
  const root = copyWith(SERVE, 'exec ', 'cp $LISTEN_HOST /tmp\nexec ')
  expect(checkFiles(root, shellcheck)).toEqual([
    expect.objectContaining({
      rule: 'shellcheck',
      file: SERVE,
      line: 7,
      problem: expect.stringContaining('SC2086'),
    }),
  ])
})

test('two migrations of one version are found', () => {
  const root = copy()
  const twin = 'supabase/migrations/20261123000000_other.sql'
  cpSync(join(root, 'supabase/migrations/20261123000000_llm_usage.sql'), join(root, twin))
  expect(checkFiles(root, shellcheck)).toEqual([
    expect.objectContaining({ rule: 'sql-version', file: twin, line: 1 }),
  ])
})

test('SQL that cannot be applied twice is found at its line', async () => {
  expect(await checkSql(infra)).toEqual([])
  const role = 'supabase/langfuse/role.sql'
  const once = copyWith(role, 'create schema if not exists', 'create schema')
  expect(await checkSql(once)).toEqual([
    expect.objectContaining({
      file: role,
      rule: 'sql',
      line: 20,
      problem: expect.stringMatching(/second time.*already exists/),
    }),
  ])
  const never = copyWith(role, 'grant langfuse_app', 'grnt langfuse_app')
  expect(await checkSql(never)).toEqual([
    expect.objectContaining({ file: role, problem: expect.stringMatching(/first time.*syntax error/) }),
  ])
})
