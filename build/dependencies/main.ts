// Checks the packages that this repository and its users install: `npm run check:dependencies`. Writes a bill of materials
// (CycloneDX) of everything that is installed here; `npm run release` writes one for each package. Ends with 1 for a fault.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { npm } from '../release/npm.ts'
import { type Locked, lockProblems } from './lock.ts'

const root = process.cwd()
const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
  packages: Record<string, Locked>
}
const problems = lockProblems(packages)
console.log(`${Object.keys(packages).length} packages: checksums, sources, licences, install scripts`)

const { code, out, err } = await npm(['sbom', '--sbom-format=cyclonedx', '--package-lock-only'], {
  cwd: root,
})
if (code === 0) {
  const file = join(root, '.release/sbom.json')
  mkdirSync(join(root, '.release'), { recursive: true })
  writeFileSync(file, out)
  const { components } = JSON.parse(out) as { components: unknown[] }
  console.log(`bill of materials: ${components.length} components, ${file}`)
} else problems.push(`npm sbom failed: ${err.trim()}`)

const audit = await auditNow()
if (audit === undefined)
  console.log('SKIPPED npm audit: the registry has no audit endpoint, or cannot be reached')
else {
  console.log(`npm audit: ${audit.length} known faults of high or critical severity`)
  problems.push(...audit)
}
for (const problem of problems) console.error(problem)
process.exitCode = problems.length === 0 ? 0 : 1

/** Asks the registry for known faults. `undefined`: it does not tell. */
async function auditNow(): Promise<string[] | undefined> {
  const { out } = await npm(['audit', '--json'], { cwd: root })
  let report: { vulnerabilities?: Record<string, { severity: string; range: string }> }
  try {
    report = JSON.parse(out)
  } catch {
    return undefined
  }
  if (report.vulnerabilities === undefined) return undefined
  return Object.entries(report.vulnerabilities)
    .filter(([, { severity }]) => severity === 'high' || severity === 'critical')
    .map(([name, { severity, range }]) => `${severity}: ${name} ${range}`)
}
