import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, delimiter, dirname, isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** Both packages as `npm publish` would send them: paths of tarballs. */
export type Tarballs = { gateway: string; testing: string }

export type Outcome = { code: number | null; out: string; err: string }

/** A throw-away folder with packages from the registry and the packed gateway. */
export type Lab = {
  folder: string
  /** Runs a program of the folder's packages, or `node`. Never throws. */
  run: (
    program: string,
    args: string[],
    options?: { env?: Record<string, string>; cwd?: string },
  ) => Promise<Outcome>
  write: (path: string, text: string) => void
}

/** Versions of packages by name; `tarball:gateway` and `tarball:testing` stand for the packed ones. */
export type Packages = Record<string, string>

export type Options = {
  packages: Packages
  fixtures: string[]
  type?: 'module' | 'commonjs'
  /** Text of the folder's .npmrc. @default none */
  npmrc?: string
  /** Variables of the installation. @default none */
  env?: Record<string, string>
}

/** Packs the built packages into a new folder. */
export async function pack(root: string): Promise<Tarballs> {
  const packed = async (name: string) => {
    const args = ['pack', '--json', '--pack-destination', root]
    const { code, out, err } = await execute('npm', args, here(`../../packages/${name}`), {})
    if (code !== 0) throw new Error(`npm pack: ${err}`)
    const [first] = Object.values(JSON.parse(out)) as { filename: string }[]
    return join(
      root,
      basename(first?.filename ?? '')
        .replace('@', '')
        .replace('/', '-'),
    )
  }
  return { gateway: await packed('gateway'), testing: await packed('testing') }
}

export const newRoot = (): string => mkdtempSync(join(tmpdir(), 'gateway-platforms-'))

/**
 * Makes the folder: writes a package.json, installs, and copies the fixtures.
 * @throws Error with npm's message if a package cannot be installed, e.g. for a conflict of peers.
 */
export async function openLab(
  root: string,
  name: string,
  tarballs: Tarballs | undefined,
  { packages, fixtures, type = 'module', npmrc, env: npmEnv = {} }: Options,
): Promise<Lab> {
  const folder = join(root, name)
  mkdirSync(folder, { recursive: true })
  const dependencies = Object.fromEntries(
    Object.entries(packages).map(([name, version]) => [
      name,
      version.startsWith('tarball:') ? `file:${tarballs?.[version.slice(8) as keyof Tarballs]}` : version,
    ]),
  )
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type, dependencies }))
  if (npmrc !== undefined) writeFileSync(join(folder, '.npmrc'), npmrc)
  for (const fixture of fixtures)
    cpSync(isAbsolute(fixture) ? fixture : here(`fixtures/${fixture}`), join(folder, basename(fixture)), {
      recursive: true,
    })
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error', '--prefer-offline']
  const { code, err, out } = await execute('npm', ['install', ...quiet], folder, npmEnv)
  if (code !== 0) throw new Error(`npm install: ${err || out}`)
  const bin = join(folder, 'node_modules/.bin')
  return {
    folder,
    write: (path, text) => {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), text)
    },
    run: (program, args, { env = {}, cwd = folder } = {}) =>
      execute(program, args, cwd, {
        PATH: [bin, dirname(process.execPath), process.env.PATH].join(delimiter),
        ...env,
      }),
  }
}

/** Longest time of one command, in milliseconds: a Next.js build on a busy machine takes two minutes. */
const MAX_MS = 600_000

export function execute(
  program: string,
  args: string[],
  cwd: string,
  env: Record<string, string>,
): Promise<Outcome> {
  return new Promise((resolve) => {
    const options = { cwd, env: { ...cleanEnv(), ...env }, maxBuffer: 64 * 1024 * 1024, timeout: MAX_MS }
    execFile(program, args, options, (error, out, err) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : null
      resolve({ code, out, err: error !== null && code === null ? `${error.message}\n${err}` : err })
    })
  })
}

/** Variables of this npm run would configure the npm and the programs of the folder. */
function cleanEnv(): Record<string, string> {
  const own = Object.entries(process.env).filter(
    ([name, value]) =>
      value !== undefined &&
      !/^(npm_(?!config_)|NODE_OPTIONS|LLM_GATEWAY|VITEST|NODE_ENV|NODE_PATH)/.test(name),
  )
  return {
    ...(Object.fromEntries(own) as Record<string, string>),
    NO_COLOR: '1',
    NEXT_TELEMETRY_DISABLED: '1',
    WRANGLER_SEND_METRICS: 'false',
  }
}
