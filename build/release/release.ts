import { mkdirSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { problemsOf } from './inspect.ts'
import { audit, resolveInstallation, writeSbom } from './installed.ts'
import { run } from './npm.ts'
import { type Packed, pack } from './pack.ts'
import { type Package, publishedPackages } from './packages.ts'
import { isPublished, loginProblem, publish, type Registry, registryOf } from './registry.ts'

/** The packages that the builds were made from. */
const MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url))

export type ReleaseOptions = {
  /** The repository. */
  root: string
  /** Whether to publish; else it only shows. */
  publishes: boolean
  /** Folder for tarballs and bills of materials. Deleted first. */
  out: string
  /** Tag of the published versions. @default `latest`; `next` for versions such as 1.0.0-rc.1 */
  tag: string | undefined
}

/**
 * Packs and checks the packages, shows them, and publishes them. Returns the exit code: 1 where a package is faulty, or
 * where something stands against publishing.
 */
export async function release(options: ReleaseOptions): Promise<number> {
  const { root, publishes, out } = options
  const packages = publishedPackages(root)
  const { registry, refusals } = await obstacles(packages, root)
  console.log(`Registry: ${registry?.url ?? 'none'}`)
  if (refusals.length > 0)
    console.log(`${publishes ? 'Refused' : '--publish would be refused'}:\n${list(refusals)}`)
  if (publishes && refusals.length > 0) return 1
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  const packed: Packed[] = []
  for (const each of packages) packed.push(await pack(each, out))
  printPackages(packed, out)
  const faults = await faultsOf(packed, root)
  for (const each of packed) await describeInstallation(each, packed, out)
  if (faults.length > 0) return 1
  if (!publishes || registry === undefined) {
    console.log('Dry run: nothing was published.')
    return 0
  }
  for (const { name, version, tarball } of packed) {
    await publish(root, registry, { tarball, tag: options.tag ?? defaultTag(version) })
    console.log(`Published ${name}@${version}.`)
  }
  console.log('To mark the commit: npm exec -- changeset git-tag && git push --follow-tags')
  return 0
}

async function faultsOf(packed: Packed[], root: string): Promise<string[]> {
  const faults: string[] = []
  for (const { name, tarball, unpacked } of packed)
    for (const problem of await problemsOf({ tarball, unpacked, root, modules: MODULES }))
      faults.push(`${name} ${problem}`)
  console.log(
    faults.length === 0
      ? 'Checked: metadata, README, LICENSE, licences of bundled code, no install scripts, publint, attw.'
      : `Faults:\n${list(faults)}`,
  )
  return faults
}

/** Writes the bill of materials of an installation, and prints what the registry knows of its packages. */
async function describeInstallation(packed: Packed, all: Packed[], out: string): Promise<void> {
  const folder = await resolveInstallation(packed, all, out)
  await writeSbom(packed, folder, MODULES)
  const known = await audit(folder)
  rmSync(folder, { recursive: true })
  console.log(`npm audit of ${packed.name}: ${known.state}${describe(known)}`)
}

function describe(known: Awaited<ReturnType<typeof audit>>): string {
  if (known.state === 'not checked') return `: ${known.reason}`
  return known.found.length === 0 ? ', nothing is known' : `:\n${list(known.found)}`
}

/** Returns the registry, and why nothing may be published to it. */
async function obstacles(
  packages: Package[],
  root: string,
): Promise<{ registry?: Registry; refusals: string[] }> {
  const refusals = await uncommitted(root)
  try {
    const registry = await registryOf(root, process.env)
    if (registry === undefined) {
      const remedy = 'Set RELEASE_REGISTRY, or @hotdash:registry in ~/.npmrc (docs/publishing).'
      return { refusals: [...refusals, `No registry is configured. ${remedy}`] }
    }
    const login = await loginProblem(root, registry)
    if (login !== undefined) return { registry, refusals: [...refusals, login] }
    for (const { manifest } of packages)
      if (await isPublished(root, registry, manifest))
        refusals.push(
          `${manifest.name}@${manifest.version} is published already: npm exec -- changeset version`,
        )
    return { registry, refusals }
  } catch (error) {
    return { refusals: [...refusals, (error as Error).message] }
  }
}

async function uncommitted(root: string): Promise<string[]> {
  const { code, out, err } = await run('git', ['status', '--porcelain'], { cwd: root })
  if (code !== 0) return [`git does not tell whether everything is committed: ${err.trim()}`]
  const [first, ...others] = out.split('\n').filter((line) => line !== '')
  if (first === undefined) return []
  const count = others.length === 0 ? '' : ` and ${others.length} more`
  return [`Not committed: ${first.slice(3)}${count}`]
}

/** Keeps a version such as 1.0.0-rc.1 from being what installations get by default. */
const defaultTag = (version: string) => (version.includes('-') ? 'next' : 'latest')

function printPackages(packed: Packed[], out: string): void {
  const row = ([name = '', ...cells]: string[]) =>
    console.log(`${name.padEnd(32)}${cells.map((cell) => cell.padStart(12)).join('')}`)
  row(['package', 'version', 'packed', 'unpacked', 'files'])
  for (const { name, version, size, unpackedSize, files } of packed)
    row([name, version, kilobytes(size), kilobytes(unpackedSize), String(files)])
  console.log(`Tarballs and bills of materials (CycloneDX): ${out}`)
}

const kilobytes = (bytes: number) => `${(bytes / 1_000).toFixed(0)} kB`

const list = (lines: string[]) => lines.map((line) => `  - ${line.replaceAll('\n', '\n    ')}`).join('\n')
