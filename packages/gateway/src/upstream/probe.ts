import type { Call } from '../core/call.ts'
import { signalAfter } from '../util/timers.ts'

const DEADLINE_MS = 5_000

/** Returns whether upstream answers its list of models, which is free of charge, with a status below 500. */
export async function probe({ outbound, policy }: Call): Promise<boolean> {
  const { url, path = '', headers, transport } = outbound
  const base = url.slice(0, url.length - path.length)
  const credentials = new Headers()
  for (const name of ['authorization', 'api-key']) {
    const value = headers.get(name)
    if (value !== null) credentials.set(name, value)
  }
  const address = `${base}/models`
  if (policy.egress.strayRefusal({ url: address, headers: credentials, ...outbound.keys })) return false
  try {
    const response = await transport(address, {
      headers: credentials,
      redirect: 'manual',
      signal: signalAfter(DEADLINE_MS),
    })
    void response.body?.cancel().catch(() => undefined)
    return response.status < 500
  } catch {
    return false
  }
}
