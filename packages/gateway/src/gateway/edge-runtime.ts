/**
 * What edge runtimes load in place of the package (export condition `edge-light`, e.g. routes of Next.js with
 * `runtime = 'edge'`): they lack Node's modules, so that nothing of the gateway can work there.
 */

import { withErrorPage } from '../util/error-page.ts'

/** @throws Error that names the remedy. */
function unsupported(): never {
  const code = 'gateway_unsupported_runtime'
  const message =
    "@hotdash/llm-gateway needs Node's modules, which this edge runtime lacks: use the Node.js runtime (in Next.js: export const runtime = 'nodejs')."
  throw Object.assign(new Error(withErrorPage(message, code)), { code })
}

export class GatewayOptionsError extends Error {}
export const hotdashPolicy = {}
export {
  unsupported as createGateway,
  unsupported as createGatewayClient,
  unsupported as gatewayOptions,
  unsupported as loadPolicy,
  unsupported as withGateway,
}
