import { writeFileSync } from 'node:fs'
import { PACKAGES, type PackageName, reportFile, reportOf } from './report.ts'

for (const name of Object.keys(PACKAGES) as PackageName[]) writeFileSync(reportFile(name), reportOf(name))
