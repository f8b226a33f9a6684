import type { Recording } from '../core/recording.ts'
import { bufferedResponse } from './buffered-response.ts'
import { layeredHeaders } from './layered-headers.ts'

/** The same recording under other headers and with another body, for errors that somebody else has put in words of its own. */
export function withBody(recording: Recording, body: string, headers: Headers, url: string): Recording {
  return {
    ...recording,
    headers,
    async open(_view, leave) {
      leave(false)
      return bufferedResponse(body, layeredHeaders(headers), {
        status: recording.status ?? 500,
        statusText: '',
        url,
      })
    },
  }
}
