import { randomUUID } from 'node:crypto'
import { globalFetch, isNodes } from './request.ts'

/**
 * Names of a program's own `fetch` functions and dispatchers. These may sign requests or present a certificate, i.e. use an
 * account that no header shows. A name is unique and valid in this process only.
 */
const names = new WeakMap<object, string>()

/** Returns the name of a `fetch`; empty for Node's own, and for its replacement (e.g. instrumentation) when first seen. */
export function fetchName(transport: typeof fetch): string {
  const known = names.get(transport)
  if (known !== undefined) return known
  const isCommon = transport === globalFetch || transport === globalThis.fetch || isNodes(transport)
  return named(transport, isCommon ? '' : randomUUID())
}

/** Returns the name of the dispatcher in `fetchOptions` of a client or call; empty without one. */
export function dispatcherName(init: RequestInit): string {
  const { dispatcher } = init as { dispatcher?: unknown }
  if (typeof dispatcher !== 'object' || dispatcher === null) return ''
  return names.get(dispatcher) ?? named(dispatcher, randomUUID())
}

function named(it: object, name: string): string {
  names.set(it, name)
  return name
}
