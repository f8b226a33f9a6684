import { pause } from '../core/connection.ts'

/** The single processor of a server. It does the work of all requests in order of arrival. */
export type Worker = {
  /** Resolves once `ms` milliseconds of work are done, after all earlier work. */
  work: (ms: number) => Promise<void>
}

export function createWorker(): Worker {
  let freeAt = 0
  return {
    async work(ms) {
      const now = performance.now()
      freeAt = Math.max(now, freeAt) + ms
      await pause(freeAt - now)
    },
  }
}
