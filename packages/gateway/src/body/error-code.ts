import type { Call } from '../core/call.ts'
import type { Reply } from '../core/reply.ts'

/** Reads the code of an error. Other readers of the recording are not affected. */
export async function errorCode(reply: Reply, call: Pick<Call, 'view'>): Promise<string | undefined> {
  try {
    const view = { ...call.view, stream: false }
    const response = await reply.recording.open(view, () => undefined)
    const { error } = (await response.json()) as { error?: { code?: string; type?: string } }
    return error?.code ?? error?.type
  } catch {
    return undefined
  }
}
