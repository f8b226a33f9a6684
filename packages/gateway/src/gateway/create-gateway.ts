import type { GatewayOptions } from '../config/options.ts'
import { matchBySuffix, pathAfterVersion } from '../core/endpoints.ts'
import { originOf } from '../egress/egress.ts'
import { globalFetch } from '../upstream/request.ts'
import type { Gateway } from './controls.ts'
import { buildGateway } from './gateway.ts'

const PARTS = Symbol('the parts of one gateway')

/**
 * The gateway for SDKs other than `openai`: give its `fetch` to the Vercel AI SDK, LangChain, the Agents SDK.
 *
 * @example
 * const gateway = createGateway({ agent: 'support' })
 * const openai = createOpenAI({ fetch: gateway.fetch })
 * @throws GatewayOptionsError for bad options or a bad policy, naming the field.
 */
export function createGateway(options?: GatewayOptions & { fetch?: typeof fetch }): Gateway {
  const { fetch: transport, ...rest } = options ?? {}
  const { controls, door } = buildGateway(rest)
  const governed = door({
    transport: transport ?? globalFetch,
    match: matchBySuffix,
    relativePath: pathAfterVersion,
    frozen: false,
    keyOrigin: originOf(process.env.OPENAI_BASE_URL || 'https://api.openai.com'),
  })
  // Whoever keeps any part of it keeps the gateway open.
  const whole = { ...controls, fetch: governed }
  for (const part of [governed, controls, whole])
    Object.defineProperty(part, PARTS, { value: [governed, controls, whole] })
  return whole
}
