import { randomUUID } from 'node:crypto'
import { globalFetch, isNodes } from './request.ts'

/**
 * Names of what a program sends its requests through, where that is its own: a `fetch` or a dispatcher may sign requests
 * or present a certificate, and so be an account that no header tells of. A name holds for this process alone.
 */
const names = new WeakMap<object, string>()

/** Empty for Node's `fetch` and for what stood in its place when it was first seen here, as instrumentation does. */
export function ownFetch(transport: typeof fetch): string {
  const known = names.get(transport)
  if (known !== undefined) return known
  const isCommon = transport === globalFetch || transport === globalThis.fetch || isNodes(transport)
  return named(transport, isCommon ? '' : randomUUID())
}

/** Of the `fetchOptions` of a client or a call. Empty without one. */
export function ownDispatcher(init: RequestInit): string {
  const { dispatcher } = init as { dispatcher?: unknown }
  if (typeof dispatcher !== 'object' || dispatcher === null) return ''
  return names.get(dispatcher) ?? named(dispatcher, randomUUID())
}

function named(it: object, name: string): string {
  names.set(it, name)
  return name
}
