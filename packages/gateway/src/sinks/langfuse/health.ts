import { parseObject } from '../../json.ts'
import { type Answer, failure, silence } from '../answer.ts'

/**
 * The server's version, `undefined` where it does not tell: something in front of it may answer for it.
 * @throws DeliveryError when it cannot be reached, or is not well.
 */
export async function versionOf(baseUrl: string, signal: AbortSignal): Promise<string | undefined> {
  const { status, headers, text } = await get(`${baseUrl}/api/public/health`, signal)
  if (status === 429 || status >= 500) throw failure('Langfuse', { status, headers, text }, 'its health')
  const version = parseObject(text)?.version
  return status < 300 && typeof version === 'string' ? version : undefined
}

async function get(url: string, signal: AbortSignal): Promise<Answer> {
  try {
    const response = await globalThis.fetch(url, { signal })
    return { status: response.status, headers: response.headers, text: await response.text() }
  } catch (error) {
    throw silence('Langfuse', error, signal)
  }
}

/** Source: Langfuse's docs: the JS SDK 5, which speaks OTLP only, needs 3.63.0. */
export function takesOtlp(version: string | undefined): boolean {
  const [major = 0, minor = 0] = (version ?? '').replace(/^v/, '').split('.').map(Number)
  return major > 3 || (major === 3 && minor >= 63)
}
