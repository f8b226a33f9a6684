import type { JsonObject, View } from '../call.ts'
import type { Usage } from '../account/usage.ts'

/** How an answer ended, for everyone who shared it. */
export type Ending =
  /** The whole answer arrived. `answer` is absent when the body was not the JSON it claimed to be. */
  | { type: 'complete'; status: number; answer?: JsonObject; usage?: Metered }
  /** Nobody was left to read it, or upstream stopped before the end of the answer. */
  | { type: 'aborted'; usage?: Metered }
  /** Upstream broke: no response, or a body that ended in an error. */
  | { type: 'failed'; error: unknown; usage?: Metered }

/** Tokens as upstream counted them, or as we did because the count never came. */
export type Metered = { usage: Usage; estimated: boolean }

/** One answer: read once where its bytes are born, opened by each of its readers. */
export type Recording = {
  /** The HTTP status, or `undefined` when no response came. */
  status: number | undefined
  headers: Headers
  /**
   * A Response of one's own, from the first byte on, live if need be.
   * @throws the transport's own error, or the caller's abort reason, when there is no response to open.
   */
  open: (view: View, left: () => void) => Response
  /** Nobody reads any more: stop upstream, unless the answer is as good as finished. */
  abandon: () => void
  ended: Promise<Ending>
}
