/**
 * What edge runtimes load in place of the package (export condition `edge-light`, e.g. routes of Next.js with
 * `runtime = 'edge'`): they lack Node's modules, so that nothing of the gateway can work there.
 */

/** @throws Error that names the remedy. */
function unsupported(): never {
  const message =
    "@hotdash/llm-gateway needs Node's modules, which this edge runtime lacks: use the Node.js runtime (in Next.js: export const runtime = 'nodejs')"
  throw Object.assign(new Error(message), { code: 'gateway_unsupported_runtime' })
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
