import OpenAI, { type ClientOptions } from 'openai'
import type { GatewayControls } from './controls.ts'
import { guarded } from './faults.ts'
import { assemble } from './gateway.ts'
import { belowBase, restBelow } from './governed.ts'
import { markOrigin, type RequestOptions } from './identify/origin.ts'
import { isObject } from './json.ts'
import type { GatewayOptions } from './options.ts'

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
}

type House = ReturnType<typeof assemble>

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
  // Whoever has nothing but a team key for a proxy needs no other.
  const hasKey = clientOptions.apiKey !== undefined || Boolean(process.env.OPENAI_API_KEY)
  const house = assemble(gateway, hasKey)
  const apiKey = house.proxyKey ?? (hasKey ? undefined : house.placeholder)
  const client = new OpenAI(apiKey === undefined ? clientOptions : { ...clientOptions, apiKey })
  return decorate(client, house, clientOptions.fetch as typeof fetch | undefined)
}

/**
 * The client stays a plain `OpenAI`; a subclass would be built anew by `withOptions` and change the user agent. What
 * we add is not enumerable, so that nothing of ours is printed or copied with it.
 */
function decorate(client: OpenAI, house: House, transport: typeof fetch | undefined): GatewayClient {
  const inside = client as unknown as Inside
  const through = transport ?? inside.fetch
  if (!isX509(inside._options)) {
    inside.fetch = house.door({
      transport: through,
      governs: belowBase(() => client.baseURL),
      below: restBelow(() => client.baseURL),
      frozen: inside._provider !== undefined,
    })
  } else
    house.say(
      'clients with an X.509 workload identity allow no fetch but their own: their calls are not governed',
    )

  const prepare = inside.prepareOptions
  const own = {
    gateway: house.controls,
    prepareOptions(options: RequestOptions): Promise<void> {
      // Without its mark, a call is one of a client that knows nothing of contexts and retries.
      if (options.method === 'post')
        guarded(() => markOrigin(options, inside.maxRetries, house.hooked), house.fault, 'a call')
      return prepare.call(client, options)
    },
    withOptions(options: Partial<ClientOptions>): GatewayClient {
      const child = OpenAI.prototype.withOptions.call(client, options)
      return decorate(child, house, (options.fetch as typeof fetch | undefined) ?? through)
    },
  }
  for (const [name, value] of Object.entries(own))
    Object.defineProperty(client, name, { value, configurable: true, writable: true })
  return client as GatewayClient
}

/** Of the two kinds of workload identity, the one that brings no token provider. Source: openai 7.57, `isX509WorkloadIdentity`. */
function isX509({ workloadIdentity }: ClientOptions): boolean {
  return isObject(workloadIdentity) && workloadIdentity.provider === undefined
}
