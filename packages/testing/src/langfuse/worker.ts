import { wait } from '../openai/deliver.ts'

/** The one processor of a server: work of all requests waits in line for it. */
export type Worker = { work: (ms: number) => Promise<void> }

export function createWorker(): Worker {
  let freeAt = 0
  return {
    async work(ms) {
      const now = performance.now()
      freeAt = Math.max(now, freeAt) + ms
      await wait(freeAt - now)
    },
  }
}
