import { type ClientOptions, OpenAI } from 'openai'
import { PLACEHOLDER_KEY } from '../egress/egress.ts'

/** Credential of a client: for models, for the administration of an account only, or none. */
export type Credential = 'models' | 'admin' | 'none'

/**
 * Constructs the client of these options. The SDK's own constructor judges credentials: it reads options and environment,
 * and each version adds forms of credentials.
 *
 * @throws what `new OpenAI` throws, unless only a key is missing: that error is returned.
 */
export function constructed(
  options: ClientOptions,
): { credential: 'models' | 'admin'; client: OpenAI } | { credential: 'none'; error: unknown } {
  let client: OpenAI
  try {
    client = new OpenAI(options)
  } catch (error) {
    if (!isConstructible({ ...options, apiKey: PLACEHOLDER_KEY })) throw error
    return { credential: 'none', error }
  }
  const { _options: own, _provider: provider } = client as unknown as Inside
  const isForModels = provider !== undefined || Boolean(own.apiKey) || Boolean(own.workloadIdentity)
  return { credential: isForModels ? 'models' : 'admin', client }
}

/** Private members of a client: its options, with those of the environment. Source: openai 7.57, `client.ts`. */
type Inside = { _options: ClientOptions; _provider: unknown }

function isConstructible(options: ClientOptions): boolean {
  try {
    return Boolean(new OpenAI(options))
  } catch {
    return false
  }
}
