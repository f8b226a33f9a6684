import { type ClientOptions, OpenAI } from 'openai'
import type { GatewayOptions } from './config/options.ts'
import { attachCallState, markRequest, type RequestOptions } from './core/call-state.ts'
import { isObject } from './core/json.ts'
import { originOf } from './egress/egress.ts'
import { buildGateway } from './gateway/build.ts'
import type { GatewayControls } from './gateway/controls.ts'
import { type Credential, constructed } from './gateway/credential.ts'
import { matchBelowBase, pathBelowBase } from './operations/endpoints.ts'
import { guarded } from './util/faults.ts'
import { assertRuntime } from './util/runtime.ts'

/** An `OpenAI` client with the gateway's controls at `gateway`, which its `withOptions()` children share. */
export type GatewayClient = OpenAI & {
  readonly gateway: GatewayControls
  withOptions(options: Partial<ClientOptions>): GatewayClient
}

/** Private members of a client that are decorated. Source: openai 7.57, `client.ts`. */
type Inside = {
  fetch: typeof fetch
  maxRetries: number
  _provider: unknown
  _options: ClientOptions
  prepareOptions: (options: RequestOptions) => Promise<void>
  prepareRequest: (request: object, context: { url: string; options: RequestOptions }) => Promise<void>
}

type GatewayBuild = ReturnType<typeof buildGateway>

/**
 * Creates an `OpenAI` client whose calls are cached, limited, routed, priced and recorded.
 * @param options options of `new OpenAI()`, and the gateway's own in `gateway`.
 *
 * @example
 * const client = createGatewayClient({ gateway: { agent: 'support' } })
 * @throws GatewayOptionsError for bad gateway options or a bad policy, naming the field.
 * @throws OpenAIError as `new OpenAI()` does.
 * @throws Error with code `gateway_unsupported_runtime` where Node is too old or is not there.
 */
export function createGatewayClient(
  options: ClientOptions & { gateway?: GatewayOptions } = {},
): GatewayClient {
  assertRuntime()
  const { gateway, ...clientOptions } = options
  const own = constructed(clientOptions)
  const build = buildGateway(gateway, own.credential)
  return decorate(clientFor(own, clientOptions, build), build)
}

/** A client without a key for models gets the proxy's, or the placeholder of custody. */
function clientFor(own: Constructed, options: ClientOptions, { defaultKey, controls }: GatewayBuild): OpenAI {
  if (defaultKey !== undefined) return new OpenAI({ ...options, apiKey: defaultKey })
  if ('client' in own) return own.client
  controls.close(0).catch(() => undefined)
  throw own.error
}

type Constructed = { credential: Credential } & ({ client: OpenAI } | { error: unknown })

/**
 * Adds the gateway to a client. It stays a plain `OpenAI`: `withOptions` would construct a subclass anew, and the user
 * agent would change. Added members are not enumerable: printing or copying the client leaves them out.
 */
function decorate(client: OpenAI, build: GatewayBuild): GatewayClient {
  const inside = client as unknown as Inside
  const transport = inside.fetch
  const isGoverned = !isX509(inside._options)
  if (isGoverned) {
    inside.fetch = build.createFetch({
      transport,
      match: matchBelowBase(() => client.baseURL),
      relativePath: pathBelowBase(() => client.baseURL),
      immutable: inside._provider !== undefined,
      // The address at construction: a later one gets no key.
      keyOrigin: originOf(client.baseURL),
    })
  } else
    build.log(
      'GW_CLIENT_NOT_GOVERNED',
      'clients with an X.509 workload identity allow no fetch but their own: their calls are not governed',
    )

  /** Creates the child by the SDK's own method, with the transport it would inherit from a bare client. */
  function withOptions(options: Partial<ClientOptions>): GatewayClient {
    const governed = inside.fetch
    inside.fetch = transport
    try {
      return decorate(OpenAI.prototype.withOptions.call(client, options), build)
    } finally {
      inside.fetch = governed
    }
  }

  add(client, { gateway: build.controls, withOptions })
  if (isGoverned) add(client, attachingStates(client, build))
  return client as GatewayClient
}

/**
 * Returns methods that attach a CallState to each call, which the SDK's retries of it keep. It is attached to a copy of
 * the request options: the caller's may be frozen, or be used for several calls.
 */
function attachingStates(client: OpenAI, { runsHooks, fault }: GatewayBuild) {
  const inside = client as unknown as Inside
  const { prepareOptions, prepareRequest } = inside
  const { request, requestAPIList } = client
  const refreshes = Boolean(inside._options.workloadIdentity)
  return {
    request: (options: Parameters<typeof request>[0], ...rest: [number | null | undefined]) =>
      request.call(client, copied(options), ...rest),
    requestAPIList: (page: Parameters<typeof requestAPIList>[0], options: Parameters<typeof request>[0]) =>
      requestAPIList.call(client, page, copied(options)),
    prepareOptions(options: RequestOptions): Promise<void> {
      // A call without its state counts as one of a client without contexts and retries.
      const { maxRetries } = inside
      if (options.method === 'post')
        guarded(() => attachCallState(options, { maxRetries, hooked: runsHooks, refreshes }), fault, 'a call')
      return prepareOptions.call(client, options)
    },
    prepareRequest(init: object, context: { url: string; options: RequestOptions }): Promise<void> {
      markRequest(init, context.options)
      return prepareRequest.call(client, init, context)
    },
  }
}

/** Copies options, or the options that a promise resolves to. */
function copied<Options extends object>(options: Options | PromiseLike<Options>): Options | Promise<Options> {
  return 'then' in options ? Promise.resolve(options).then((options) => ({ ...options })) : { ...options }
}

function add(client: OpenAI, members: object): void {
  for (const [name, value] of Object.entries(members))
    Object.defineProperty(client, name, { value, configurable: true, writable: true })
}

/** An X.509 workload identity has no token provider. Source: openai 7.57, `isX509WorkloadIdentity`. */
function isX509({ workloadIdentity }: ClientOptions): boolean {
  return isObject(workloadIdentity) && workloadIdentity.provider === undefined
}
