import { onTestFinished } from 'vitest'
import { startHostileProxy } from './proxy.ts'

let seed: number | undefined

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
  onTestFinished(() => proxy.close())
  return baseURL.replace(new URL(baseURL).origin, proxy.origin)
}
