import OpenAI, { type ClientOptions } from 'openai'
import { PLACEHOLDER_KEY } from '../egress/egress.ts'

/** What a client brings: a credential for models, only one for the administration of an account, or none. */
export type Credential = 'models' | 'admin' | 'none'

/**
 * Makes the client of these options. Whether they are enough is for the SDK's own constructor to say: it reads options and
 * environment, and knows forms of credentials that are added with each version.
 *
 * @throws what `new OpenAI` throws, unless a key is all that it misses: then that error is returned.
 */
export function constructed(
  options: ClientOptions,
): { credential: 'models' | 'admin'; client: OpenAI } | { credential: 'none'; error: unknown } {
  let client: OpenAI
  try {
    client = new OpenAI(options)
  } catch (error) {
    // Would it do, were there a key?
    if (!wouldDo({ ...options, apiKey: PLACEHOLDER_KEY })) throw error
    return { credential: 'none', error }
  }
  const { _options: own, _provider: provider } = client as unknown as Inside
  const isForModels = provider !== undefined || Boolean(own.apiKey) || Boolean(own.workloadIdentity)
  return { credential: isForModels ? 'models' : 'admin', client }
}

/** What of a client TypeScript keeps private: its options, the environment's included. Source: openai 7.57, `client.ts`. */
type Inside = { _options: ClientOptions; _provider: unknown }

function wouldDo(options: ClientOptions): boolean {
  try {
    return Boolean(new OpenAI(options))
  } catch {
    return false
  }
}
