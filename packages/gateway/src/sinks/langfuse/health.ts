import { parseObject } from '../../core/json.ts'
import { ask, httpError } from '../http.ts'

/**
 * Returns the server's version; `undefined` if the answer has none, e.g. from a proxy in front of it.
 * @throws DeliveryError if the server is unreachable or unhealthy.
 */
export async function versionOf(baseUrl: string, signal: AbortSignal): Promise<string | undefined> {
  const answer = await ask('Langfuse', `${baseUrl}/api/public/health`, {}, signal)
  if (answer.status === 429 || answer.status >= 500) throw httpError('Langfuse', answer, 'its health')
  const version = parseObject(answer.text)?.version
  return answer.status < 300 && typeof version === 'string' ? version : undefined
}

/** Source: Langfuse's docs: the JS SDK 5, which speaks OTLP only, needs 3.63.0. */
export function takesOtlp(version: string | undefined): boolean {
  const [major, minor] = numbersOf(version)
  return major > 3 || (major === 3 && minor >= 63)
}

export const isV4 = (version: string | undefined): boolean => numbersOf(version)[0] >= 4

function numbersOf(version = ''): [major: number, minor: number] {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number)
  return [major, minor]
}
