import type { Recording } from '../core/recording.ts'
import { atRest } from './buffered-response.ts'
import { headersAtRest } from './layered-headers.ts'

/** The same recording under other headers and with another body, for errors that somebody else has put in words of its own. */
export function rewritten(recording: Recording, body: string, headers: Headers, url: string): Recording {
  return {
    ...recording,
    headers,
    async open(_view, leave) {
      leave(false)
      return atRest(body, headersAtRest(headers), { status: recording.status ?? 500, statusText: '', url })
    },
  }
}
