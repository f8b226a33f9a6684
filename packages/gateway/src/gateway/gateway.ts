import type { GatewayOptions } from '../config/options.ts'
import { originOf } from '../egress/egress.ts'
import { matchBySuffix, pathAfterVersion } from '../operations/endpoints.ts'
import { globalFetch } from '../upstream/request.ts'
import { assertRuntime } from '../util/runtime.ts'
import { buildGateway } from './build.ts'
import type { GatewayControls } from './controls.ts'

export type Gateway = GatewayControls & {
  /** A `fetch` with the pipeline behind it, for the `fetch` option of any SDK that speaks OpenAI's API. */
  fetch: typeof fetch
}

/** Holds references between the parts of one gateway: none is collected while the program holds another. */
const PARTS = Symbol('the parts of one gateway')

/**
 * Creates a gateway for SDKs other than `openai`: pass its `fetch` to the Vercel AI SDK, LangChain or the Agents SDK.
 * @param options gateway options, and `fetch`, the transport. @default the global `fetch`
 *
 * @example
 * const gateway = createGateway({ agent: 'support' })
 * const openai = createOpenAI({ fetch: gateway.fetch })
 * @throws GatewayOptionsError for bad options or a bad policy, naming the field.
 */
export function createGateway(options?: GatewayOptions & { fetch?: typeof fetch }): Gateway {
  assertRuntime()
  const { fetch: transport, ...rest } = options ?? {}
  const { controls, createFetch } = buildGateway(rest)
  const governed = createFetch({
    transport: transport ?? globalFetch,
    match: matchBySuffix,
    relativePath: pathAfterVersion,
    immutable: false,
    keyOrigin: originOf(process.env.OPENAI_BASE_URL || 'https://api.openai.com'),
  })
  const gateway = { ...controls, fetch: governed }
  for (const part of [governed, controls, gateway])
    Object.defineProperty(part, PARTS, { value: [governed, controls, gateway] })
  return gateway
}
