import { afterEach } from 'vitest'
import { type HostileProxy, startHostileProxy } from './proxy.ts'

let seed: number | undefined
const open: HostileProxy[] = []

/** From now on, in this test file, every upstream that tests start is reached over a hostile way. */
export function goHostile(value: number) {
  seed = value
}

/** Whether the upstreams of this test file are reached over a hostile way. */
export const isHostile = (): boolean => seed !== undefined

/** Where a client finds the upstream at `baseURL`: itself, or by a hostile way to it. */
export async function hostileOrigin(baseURL: string): Promise<string> {
  if (seed === undefined) return baseURL
  const proxy = await startHostileProxy(baseURL, seed)
  open.push(proxy)
  return baseURL.replace(new URL(baseURL).origin, proxy.origin)
}

afterEach(() => {
  for (const proxy of open.splice(0)) proxy.close()
})
