import OpenAI, { type ClientOptions } from 'openai'
import type { GatewayOptions } from './config/options.ts'
import { attachCallState, markRequest, type RequestOptions } from './core/call-state.ts'
import { matchBelowBase, pathBelowBase } from './core/endpoints.ts'
import { isObject } from './core/json.ts'
import { originOf } from './egress/egress.ts'
import type { GatewayControls } from './gateway/controls.ts'
import { type Credential, constructed } from './gateway/credential.ts'
import { buildGateway } from './gateway/gateway.ts'
import { guarded } from './util/faults.ts'

/** A real `OpenAI`, with the gateway's controls on it. */
export type GatewayClient = OpenAI & {
  readonly gateway: GatewayControls
  withOptions(options: Partial<ClientOptions>): GatewayClient
}

/** What of a client TypeScript keeps private and we decorate. Source: openai 7.57, `client.ts`. */
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
 * An `OpenAI` client whose calls are cached, limited, routed, priced and recorded. Takes what `new OpenAI()` takes;
 * all else is in `gateway`.
 *
 * @example
 * const client = createGatewayClient()
 * @throws GatewayOptionsError for bad gateway options or a bad policy, naming the field; and whatever `new OpenAI` throws.
 */
export function createGatewayClient(
  options: ClientOptions & { gateway?: GatewayOptions } = {},
): GatewayClient {
  const { gateway, ...clientOptions } = options
  const own = constructed(clientOptions)
  const house = buildGateway(gateway, own.credential)
  return decorate(clientFor(own, clientOptions, house), house)
}

/** Where a client has no key for models, the proxy's or the placeholder of custody stands in for it. */
function clientFor(own: Constructed, options: ClientOptions, { standIn, controls }: GatewayBuild): OpenAI {
  if (standIn !== undefined) return new OpenAI({ ...options, apiKey: standIn })
  if ('client' in own) return own.client
  controls.close(0).catch(() => undefined)
  throw own.error
}

type Constructed = { credential: Credential } & ({ client: OpenAI } | { error: unknown })

/**
 * The client stays a plain `OpenAI`; a subclass would be built anew by `withOptions` and change the user agent. What
 * we add is not enumerable, so that nothing of ours is printed or copied with it.
 */
function decorate(client: OpenAI, house: GatewayBuild): GatewayClient {
  const inside = client as unknown as Inside
  const through = inside.fetch
  const isGoverned = !isX509(inside._options)
  if (isGoverned) {
    inside.fetch = house.door({
      transport: through,
      match: matchBelowBase(() => client.baseURL),
      relativePath: pathBelowBase(() => client.baseURL),
      frozen: inside._provider !== undefined,
      // As it was made: what changes its address later takes no key there.
      keyOrigin: originOf(client.baseURL),
    })
  } else
    house.say(
      'clients with an X.509 workload identity allow no fetch but their own: their calls are not governed',
    )

  /** As the SDK makes it: with the transport it would inherit, or the usual one where it must not inherit any. */
  function withOptions(options: Partial<ClientOptions>): GatewayClient {
    const door = inside.fetch
    inside.fetch = through
    try {
      return decorate(OpenAI.prototype.withOptions.call(client, options), house)
    } finally {
      inside.fetch = door
    }
  }

  add(client, { gateway: house.controls, withOptions })
  if (isGoverned) add(client, marks(client, house))
  return client as GatewayClient
}

/**
 * Marks each call, across the SDK's retries of it. The options that are marked are a copy: the caller's own may be frozen,
 * or serve for other calls.
 */
function marks(client: OpenAI, { hooked, fault }: GatewayBuild) {
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
      // Without its mark, a call is one of a client that knows nothing of contexts and retries.
      const { maxRetries } = inside
      if (options.method === 'post')
        guarded(() => attachCallState(options, { maxRetries, hooked, refreshes }), fault, 'a call')
      return prepareOptions.call(client, options)
    },
    prepareRequest(init: object, context: { url: string; options: RequestOptions }): Promise<void> {
      markRequest(init, context.options)
      return prepareRequest.call(client, init, context)
    },
  }
}

/** A copy that may be written to, of options that may still be on their way. */
function copied<Options extends object>(options: Options | PromiseLike<Options>): Options | Promise<Options> {
  return 'then' in options ? Promise.resolve(options).then((options) => ({ ...options })) : { ...options }
}

function add(client: OpenAI, members: object): void {
  for (const [name, value] of Object.entries(members))
    Object.defineProperty(client, name, { value, configurable: true, writable: true })
}

/** Of the two kinds of workload identity, the one that brings no token provider. Source: openai 7.57, `isX509WorkloadIdentity`. */
function isX509({ workloadIdentity }: ClientOptions): boolean {
  return isObject(workloadIdentity) && workloadIdentity.provider === undefined
}
