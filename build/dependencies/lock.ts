/** An entry of package-lock.json, as far as it is checked. */
export type Locked = {
  version?: string
  resolved?: string
  integrity?: string
  license?: string
  link?: boolean
  dev?: boolean
  devOptional?: boolean
  hasInstallScript?: boolean
}

/** Licences that allow use and redistribution in closed software, with a notice. */
const ALLOWED = new Set(['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT', 'MIT-0'])

/** Packages of the development that run a program when they are installed: both fetch or build a native part. */
const MAY_RUN = new Set(['esbuild', 'usearch'])

const nameOf = (path: string) => path.replace(/^.*node_modules\//, '')

/** Returns what is wrong with the packages that the lock file names, by path. */
export function lockProblems(packages: Record<string, Locked>): string[] {
  return Object.entries(packages).flatMap(([path, each]) => {
    if (!path.includes('node_modules/') || each.link) return []
    const isShipped = !each.dev && !each.devOptional
    const name = nameOf(path)
    return [
      ...(each.integrity?.startsWith('sha512-')
        ? []
        : [`${path} has no SHA-512: anything could be installed`]),
      ...(each.resolved === undefined || each.resolved.startsWith('https://')
        ? []
        : [`${path} comes from ${each.resolved}`]),
      ...(isShipped && !ALLOWED.has(each.license ?? '')
        ? [`${path} is installed with the packages, and its licence is ${each.license ?? 'unknown'}`]
        : []),
      ...(each.hasInstallScript && (isShipped || !MAY_RUN.has(name))
        ? [`${path} runs a program when it is installed`]
        : []),
    ]
  })
}
