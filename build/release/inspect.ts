import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { licenceProblems } from './licences.ts'
import { run } from './npm.ts'
import { type Manifest, readManifest } from './packages.ts'

const require = createRequire(import.meta.url)

/** Scripts that npm runs at the machine of whom installs a package. */
const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall', 'prepublish', 'prepare']

type Inspected = {
  tarball: string
  /** Folder with the tarball's content. */
  unpacked: string
  /** The repository. */
  root: string
  /** The node_modules that the build was made from. */
  modules: string
}

/** Returns what is wrong with a packed package. */
export async function problemsOf({ tarball, unpacked, root, modules }: Inspected): Promise<string[]> {
  const manifest = readManifest(unpacked)
  const { messages } = await publint({ pkgDir: unpacked, pack: false, strict: true })
  return [
    ...metadataProblems(manifest, readManifest(root)),
    ...textProblems(unpacked, root),
    ...INSTALL_SCRIPTS.filter((name) => name in (manifest.scripts ?? {})).map(
      (name) => `has a script ${name}, which runs at installation`,
    ),
    ...(existsSync(join(unpacked, 'binding.gyp'))
      ? ['has binding.gyp, which npm builds at installation']
      : []),
    ...licenceProblems(unpacked, modules),
    ...messages.map((message) => `publint: ${formatMessage(message, manifest) ?? message.code}`),
    ...(manifest.types === undefined ? [] : await typeProblems(tarball, root)),
  ]
}

function metadataProblems(manifest: Manifest, { license, homepage, repository }: Manifest): string[] {
  return [
    ...(manifest.description ? [] : ['has no description']),
    ...((manifest.keywords ?? []).length > 0 ? [] : ['has no keywords']),
    ...(manifest.license === license ? [] : ['has another license than the workspace']),
    ...(manifest.homepage === homepage ? [] : ['has another homepage than the workspace']),
    ...(manifest.repository?.url === repository?.url && manifest.repository?.directory !== undefined
      ? []
      : ['has another repository than the workspace, or names no directory of it']),
    ...(manifest.publishConfig?.access === 'restricted' ? [] : ['has no publishConfig.access "restricted"']),
    ...(manifest.publishConfig?.registry === undefined ? [] : ['names a registry: that is configuration']),
  ]
}

function textProblems(unpacked: string, root: string): string[] {
  const text = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8') : undefined)
  return [
    ...(text(join(unpacked, 'README.md')) ? [] : ['has no README.md']),
    ...(text(join(unpacked, 'LICENSE')) === text(join(root, 'LICENSE'))
      ? []
      : ["has not the workspace's LICENSE"]),
  ]
}

/** Asks "are the types wrong" about each way to resolve them but that of Node 10, which knows no subpaths. */
async function typeProblems(tarball: string, root: string): Promise<string[]> {
  const bin = join(dirname(require.resolve('@arethetypeswrong/cli/package.json')), 'dist/index.js')
  const { code, out, err } = await run(
    process.execPath,
    [bin, tarball, '--profile', 'node16', '--format', 'ascii'],
    {
      cwd: root,
    },
  )
  return code === 0 ? [] : [`attw: ${`${out}${err}`.trim()}`]
}
