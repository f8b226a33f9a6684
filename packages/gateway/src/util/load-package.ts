import { withErrorPage } from './error-page.ts'
import { errorText } from './error-text.ts'

/** A package that this process cannot load. The message names the package and the remedy. */
export class PackageUnusable extends Error {
  override readonly name = 'PackageUnusable'
  readonly code = 'gateway_package_unusable'

  constructor(packageName: string, remedy: string, cause: unknown) {
    const message = `the package ${packageName} cannot be loaded: ${remedy} (${errorText(cause)}).`
    super(withErrorPage(message, 'gateway_package_unusable'), { cause })
  }
}

/**
 * Loads a dependency of the gateway. Bundlers see the literal `import()` of the caller and include the package, some in a
 * form that cannot run, e.g. CommonJS that requires Node's modules in an ES module. Then the installed package is
 * loaded, if there is one.
 *
 * @param member A name that the package exports. Loaders differ in where they put the members of CommonJS.
 * @throws PackageUnusable if neither can be loaded.
 */
export async function loadDependency<Name extends string, T extends Record<Name, unknown>>(
  packageName: string,
  member: Name,
  include: () => Promise<T>,
): Promise<T> {
  try {
    return withMember(await include(), member)
  } catch (cause) {
    try {
      return withMember(requireInstalled<T>(packageName), member)
    } catch {
      throw new PackageUnusable(packageName, `install it, or exclude it from the bundle: ${EXTERNAL}`, cause)
    }
  }
}

const EXTERNAL =
  'esbuild --external:NAME, externals of webpack and ncc, serverExternalPackages of Next.js (docs/where-it-runs.md)'

/**
 * Loads an optional package. No bundler sees its name: they fail for packages that are not installed, and most optional
 * packages have native parts that no bundle can hold.
 *
 * @throws what Node throws, with code `MODULE_NOT_FOUND` if the package is not installed.
 */
export const loadOptional = <T>(packageName: string): T => requireInstalled<T>(packageName)

/**
 * Finds the file of an optional package, for a thread that loads it.
 *
 * @param from A folder at or above which it is installed, if not at or above this file's.
 * @throws what Node throws if it is not installed.
 */
export const resolveOptional = (packageName: string, from?: string): string =>
  requireFrom(from === undefined ? thisFile() : `${from}/`).resolve(packageName)

function withMember<Name extends string, T extends Record<Name, unknown>>(loaded: T, member: Name): T {
  if (loaded[member] !== undefined) return loaded
  const inner = (loaded as { default?: T }).default
  if (inner?.[member] !== undefined) return inner
  throw new TypeError(`${member} is not exported`)
}

/** Requires a package as installed beside this file or, in a bundle, beside the bundle. */
const requireInstalled = <T>(packageName: string): T => requireFrom(thisFile())(packageName) as T

// CommonJS and bundles of that form have no `import.meta.url`.
const thisFile = () => (typeof __filename === 'string' ? __filename : import.meta.url)

// Not imported: webpack reads the arguments of an imported `createRequire`.
const requireFrom = (file: string) => process.getBuiltinModule('node:module').createRequire(file)
