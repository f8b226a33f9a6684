import OpenAI, { AzureOpenAI, BedrockOpenAI, type ClientOptions } from 'openai'
import { bedrock } from 'openai/providers/bedrock/aws'
import { FORMS, type Form } from '../forms.ts'

/** The constructor of a client of the SDK; not all of them know each other's options. */
type Client = new (options: ClientOptions) => OpenAI

/**
 * A form of credentials, and the class of the client that takes it. `isPublic`: requests have no secret but a signature that only
 * AWS can verify.
 */
export type Credential = Form & { of: Client; isSigned?: true; isPublic?: true }

const AWS = { region: 'us-west-2', endpoint: 'mantle' as const }
export const SECRET = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret-of-a-test' }
export const OF_SESSION = { ...SECRET, sessionToken: 'session-of-a-test' }

const azure = AzureOpenAI as unknown as Client
const older = BedrockOpenAI as unknown as Client
const endpointOf = (baseURL: string) => ({ endpoint: new URL(baseURL).origin, apiVersion: '2024-10-21' })

/** What requests leave through is another dimension. */
const withoutFetch = ({ fetch: _, ...options }: ClientOptions): ClientOptions => options

/** All but those of the environment, which are the same once a client is made; test/client/credentials.test.ts has them. */
export const CREDENTIALS: Credential[] = [
  ...FORMS.filter(({ env }) => env === undefined).map((form) => ({
    ...form,
    of: OpenAI,
    options: (baseURL: string) => withoutFetch(form.options(baseURL)),
  })),
  {
    name: 'provider: bedrock, SigV4 of static credentials',
    of: OpenAI,
    options: (baseURL) => ({ provider: bedrock({ ...AWS, baseURL, ...SECRET }) }),
    isSigned: true,
    isPublic: true,
  },
  {
    name: 'provider: bedrock, SigV4 of a provider of credentials',
    of: OpenAI,
    options: (baseURL) => ({
      provider: bedrock({ ...AWS, baseURL, credentialProvider: async () => OF_SESSION }),
    }),
    isSigned: true,
  },
  {
    name: 'BedrockOpenAI',
    of: older,
    options: (baseURL) => ({ baseURL, bedrockTokenProvider: async () => 'bedrock-made' }) as ClientOptions,
  },
  {
    name: 'AzureOpenAI, a key',
    of: azure,
    options: (baseURL) => ({ ...endpointOf(baseURL), apiKey: 'azure-key' }) as ClientOptions,
  },
  {
    name: 'AzureOpenAI, a key and a deployment',
    of: azure,
    options: (baseURL) =>
      ({ ...endpointOf(baseURL), apiKey: 'azure-key', deployment: 'gpt-4o-mini' }) as ClientOptions,
  },
  {
    name: 'AzureOpenAI, a token of Entra',
    of: azure,
    options: (baseURL) =>
      ({ ...endpointOf(baseURL), azureADTokenProvider: async () => 'ad-token' }) as ClientOptions,
  },
  {
    name: 'a header of each client in place of a key',
    of: OpenAI,
    options: (baseURL) => ({
      baseURL,
      apiKey: 'sk-unused',
      defaultHeaders: { Authorization: null, 'api-key': 'own' },
    }),
  },
  {
    name: 'no credential at all',
    of: OpenAI,
    options: (baseURL) => ({ baseURL, apiKey: 'sk-unused', defaultHeaders: { Authorization: null } }),
  },
  { name: 'nothing that would do', of: OpenAI, options: (baseURL) => ({ baseURL }) },
]
