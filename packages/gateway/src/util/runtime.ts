import * as crypto from 'node:crypto'
import * as zlib from 'node:zlib'
import { withErrorPage } from './error-page.ts'

/**
 * Functions that older versions of Node lack. Imported by name, they would end such a program with a SyntaxError before
 * `assertRuntime` can name the version.
 */
export const { hash } = crypto
export const { crc32 } = zlib

/**
 * Checks the functions of the runtime that the gateway needs: those of Node 20.18, 22.3 and all later major versions.
 *
 * @throws Error with the version that was found. No request has been sent.
 */
export function assertRuntime(): void {
  const needed = [hash, crc32, URL.parse, process.getBuiltinModule]
  if (needed.every((each) => typeof each === 'function')) return
  const code = 'gateway_unsupported_runtime'
  const message = `@hotdash/llm-gateway needs Node 20.18 or 22.3, or a newer one; this is ${runtimeName()}.`
  throw Object.assign(new Error(withErrorPage(message, code)), { code })
}

/** Tells whether no request may wait for what another one awaits: Cloudflare Workers end such a request with an error. */
export const keepsRequestsApart = (): boolean =>
  typeof navigator === 'object' && navigator.userAgent === 'Cloudflare-Workers'

function runtimeName(): string {
  const { deno, bun, node } = process.versions
  if (deno !== undefined) return `Deno ${deno}`
  return bun === undefined ? `Node ${node}` : `Bun ${bun}`
}
