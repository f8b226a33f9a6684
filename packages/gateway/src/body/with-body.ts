import type { Recording } from '../core/recording.ts'
import { bufferedResponse } from './buffered-response.ts'
import { layeredHeaders } from './layered-headers.ts'

/** Replaces headers and body of a recording, for errors whose text another party has rewritten. */
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
