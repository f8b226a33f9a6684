import { errorCodeOf, npm } from './npm.ts'

/** Where packages go, as the user's configuration says. */
export type Registry = {
  url: string
  /** Variables for npm: registry of the scope, and the token where the environment has it. */
  env: Record<string, string>
}

const SCOPE = '@hotdash'

/**
 * Returns the registry of the scope: `RELEASE_REGISTRY`, else `@hotdash:registry` of npm's configuration; undefined
 * where neither is set. npm's default registry is never taken: it is public.
 *
 * @throws Error for an address that is no URL, or sends the token over the network in the clear
 */
export async function registryOf(root: string, env: NodeJS.ProcessEnv): Promise<Registry | undefined> {
  const { out } = await npm(['config', 'get', `${SCOPE}:registry`], { cwd: root })
  const address = env.RELEASE_REGISTRY || (out.trim() === 'undefined' ? '' : out.trim())
  if (address === '') return undefined
  const { protocol, hostname, host, pathname } = parseAddress(address)
  const isLoopback = ['127.0.0.1', 'localhost', '[::1]'].includes(hostname)
  if (protocol !== 'https:' && !(protocol === 'http:' && isLoopback))
    throw new Error(`The registry ${address} must have an https address: its token would be readable.`)
  const url = address.endsWith('/') ? address : `${address}/`
  const path = pathname.endsWith('/') ? pathname : `${pathname}/`
  const token = env.RELEASE_TOKEN
  return {
    url,
    env: {
      [`npm_config_${SCOPE}:registry`]: url,
      ...(token ? { [`npm_config_//${host}${path}:_authToken`]: token } : {}),
    },
  }
}

function parseAddress(address: string): URL {
  try {
    return new URL(address)
  } catch {
    throw new Error(`The registry ${JSON.stringify(address)} is no address.`)
  }
}

/** Returns why npm cannot log in, and undefined where it can or where the registry does not tell. */
export async function loginProblem(root: string, { url, env }: Registry): Promise<string | undefined> {
  const outcome = await npm(['whoami', `--registry=${url}`], { cwd: root, env })
  if (outcome.code === 0) return undefined
  const code = errorCodeOf(outcome)
  if (code === 'ENEEDAUTH' || code === 'E401' || code === 'E403') {
    const reason =
      process.env.RELEASE_TOKEN || code !== 'ENEEDAUTH'
        ? 'it does not accept the token'
        : 'there is no token for it'
    return `npm cannot log in at ${url}: ${reason}. Set RELEASE_TOKEN, or add one to ~/.npmrc (docs/publishing).`
  }
  // Registries need not have this endpoint.
  if (code === 'E404') return undefined
  return `The registry ${url} cannot be asked (${code ?? 'no answer'}).`
}

/** Tells whether the registry has a version. @throws Error (rejects) where it refuses to tell or cannot be reached */
export async function isPublished(
  root: string,
  { url, env }: Registry,
  { name, version }: { name: string; version: string },
): Promise<boolean> {
  const args = ['view', `${name}@${version}`, 'version', '--json', '--prefer-online', `--registry=${url}`]
  const outcome = await npm(args, { cwd: root, env })
  if (outcome.code === 0) return outcome.out.trim() !== ''
  const code = errorCodeOf(outcome)
  if (code === 'E404') return false
  throw new Error(`The registry ${url} does not tell its versions of ${name} (${code ?? 'no answer'}).`)
}

/** Publishes a tarball. @throws Error (rejects) with npm's message */
export async function publish(
  root: string,
  { env }: Registry,
  { tarball, tag }: { tarball: string; tag: string },
): Promise<void> {
  const args = ['publish', tarball, '--access=restricted', `--tag=${tag}`, '--ignore-scripts']
  const { code, err } = await npm(args, { cwd: root, env })
  if (code !== 0) throw new Error(`npm publish failed:\n${err.trim()}`)
}
