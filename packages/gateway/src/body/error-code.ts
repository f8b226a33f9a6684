import type { Call } from '../core/call.ts'
import type { Reply } from '../core/reply.ts'

/** Looks at the error without using it up: every reader opens the recording for itself. */
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
