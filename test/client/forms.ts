import type { ClientOptions } from 'openai'
import { bedrock } from 'openai/providers/bedrock'
import { vertex } from 'openai/providers/vertex'

/** One way in which a client of the SDK comes by its credentials. */
export type Form = {
  name: string
  options: (baseURL: string) => ClientOptions
  env?: Record<string, string>
  /** Its requests are signed, or made for another vendor: they leave as they came. */
  frozen?: true
  /** Models cannot be asked with it: each request brings what it needs. */
  perRequest?: true
}

const subject = { tokenType: 'jwt' as const, getToken: async () => 'subject-token' }
export const identity = { identityProviderId: 'idp_1', serviceAccountId: 'svc_1', provider: subject }

/** The token exchange of a workload identity has an address of its own, which no option changes. */
export const EXCHANGE = 'https://auth.openai.com/oauth/token'

/** Node's `fetch`, with the exchange answered on the spot. */
export const exchanging: typeof fetch = async (input, init) =>
  input === EXCHANGE
    ? Response.json({
        access_token: 'exchanged-token',
        issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        token_type: 'Bearer',
        expires_in: 3_600,
      })
    : await fetch(input, init)

export const FORMS: Form[] = [
  { name: 'apiKey, a text', options: (baseURL) => ({ baseURL, apiKey: 'sk-own' }) },
  {
    name: 'apiKey, of the environment',
    options: (baseURL) => ({ baseURL }),
    env: { OPENAI_API_KEY: 'sk-env' },
  },
  { name: 'apiKey, a function', options: (baseURL) => ({ baseURL, apiKey: async () => 'sk-made' }) },
  {
    name: 'apiKey with organization and project',
    options: (baseURL) => ({ baseURL, apiKey: 'sk-own', organization: 'org', project: 'proj' }),
  },
  {
    name: 'adminAPIKey beside a key',
    options: (baseURL) => ({ baseURL, apiKey: 'sk-own', adminAPIKey: 'sk-admin' }),
  },
  {
    name: 'adminAPIKey alone',
    options: (baseURL) => ({ baseURL, adminAPIKey: 'sk-admin' }),
    perRequest: true,
  },
  {
    name: 'adminAPIKey of the environment alone',
    options: (baseURL) => ({ baseURL }),
    env: { OPENAI_ADMIN_KEY: 'sk-admin' },
    perRequest: true,
  },
  {
    name: 'workloadIdentity',
    options: (baseURL) => ({ baseURL, workloadIdentity: identity, fetch: exchanging }),
  },
  {
    name: 'provider: bedrock, a key',
    options: (baseURL) => ({ provider: bedrock({ baseURL, apiKey: 'bedrock-key' }) }),
    frozen: true,
  },
  {
    name: 'provider: bedrock, a function',
    options: (baseURL) => ({ provider: bedrock({ baseURL, tokenProvider: async () => 'bedrock-made' }) }),
    frozen: true,
  },
  {
    name: 'provider: bedrock, of the environment',
    options: (baseURL) => ({ provider: bedrock({ baseURL }) }),
    env: { AWS_BEARER_TOKEN_BEDROCK: 'bedrock-env' },
    frozen: true,
  },
  {
    name: 'provider: vertex',
    options: (baseURL) => ({ provider: vertex({ baseURL, tokenProvider: () => 'vertex-token' }) }),
    frozen: true,
  },
  {
    name: 'no key, a header of its own',
    options: (baseURL) => ({
      baseURL,
      adminAPIKey: 'sk-admin',
      defaultHeaders: { Authorization: 'Bearer sk-header' },
    }),
  },
]
