import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundledPackages } from './licences.ts'
import { npm } from './npm.ts'
import type { Packed } from './pack.ts'
import { readManifest } from './packages.ts'

/** What the registry knows of the packages that an installation brings. */
export type Audit = { state: 'checked'; found: string[] } | { state: 'not checked'; reason: string }

type Component = { name: string; version: string; purl: string; type: string; [other: string]: unknown }
type Sbom = { components: Component[] }
type AuditReport = {
  statusCode?: number
  vulnerabilities?: Record<string, { severity: string; range: string }>
}

/**
 * Resolves the packages that an installation of a packed package brings today, as npm does for a user, into a folder
 * with a lock file. The workspace's own lock file knows other versions, and takes what it also uses itself for development.
 *
 * @param others the packages of the same release, by name
 * @throws Error (rejects) with npm's message
 */
export async function resolveInstallation(packed: Packed, others: Packed[], out: string): Promise<string> {
  const { devDependencies: _, scripts: __, dependencies, ...manifest } = readManifest(packed.unpacked)
  const own = Object.fromEntries(
    Object.entries(dependencies ?? {}).map(([name, range]) => {
      const other = others.find((each) => each.name === name)
      return [name, other === undefined ? range : `file:${other.tarball}`]
    }),
  )
  const folder = join(out, `installed-${packed.name.replace('@', '').replace('/', '-')}`)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ ...manifest, dependencies: own }))
  const args = ['install', '--package-lock-only', '--ignore-scripts', '--omit=dev', '--loglevel=error']
  const { code, err } = await npm(args, { cwd: folder })
  if (code !== 0) throw new Error(`${packed.name} cannot be installed:\n${err}`)
  return folder
}

/** Writes a CycloneDX bill of materials: the packages of an installation, and those that the build contains. */
export async function writeSbom(packed: Packed, folder: string, modules: string): Promise<void> {
  const args = ['sbom', '--sbom-format=cyclonedx', '--package-lock-only', '--omit=dev']
  const { code, out, err } = await npm(args, { cwd: folder })
  if (code !== 0) throw new Error(`npm sbom of ${packed.name} failed:\n${err}`)
  const sbom = JSON.parse(out) as Sbom
  const bundled = bundledPackages(packed.unpacked).map((name) => {
    const { version, license } = JSON.parse(readFileSync(join(modules, name, 'package.json'), 'utf8')) as {
      version: string
      license?: string
    }
    const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`
    return {
      'bom-ref': `${name}@${version} in ${packed.name}`,
      type: 'library',
      name,
      version,
      purl,
      ...(license === undefined ? {} : { licenses: [{ license: { id: license } }] }),
      properties: [{ name: 'hotdash:bundled', value: 'true' }],
    }
  })
  writeFileSync(
    packed.sbom,
    JSON.stringify({ ...sbom, components: [...sbom.components, ...bundled] }, null, 2),
  )
}

/** Asks the registry for known faults of the packages of an installation. */
export async function audit(folder: string): Promise<Audit> {
  const { out } = await npm(['audit', '--omit=dev', '--json'], { cwd: folder })
  const { vulnerabilities, statusCode } = parseReport(out)
  if (vulnerabilities === undefined)
    return {
      state: 'not checked',
      reason:
        statusCode === undefined
          ? 'the registry cannot be reached'
          : `the registry has no audit endpoint (status ${statusCode})`,
    }
  return {
    state: 'checked',
    found: Object.entries(vulnerabilities).map(
      ([name, { severity, range }]) => `${severity}: ${name} ${range}`,
    ),
  }
}

function parseReport(text: string): AuditReport {
  try {
    return JSON.parse(text) as AuditReport
  } catch {
    return {}
  }
}
