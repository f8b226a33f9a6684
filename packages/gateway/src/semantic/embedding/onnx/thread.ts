import { existsSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { resolveOptional } from '../../../util/load-package.ts'
import type { FromWorker, ToWorker, WorkerInput } from './worker.ts'

/** Time in milliseconds after a failed start in which every request fails at once. */
const RETRY_MS = 30_000

/** Computes vectors in a thread of its own: inference is synchronous and takes milliseconds to seconds. */
export type Thread = {
  /** @returns the vectors one after another */
  embed: (texts: readonly string[], signal: AbortSignal | undefined) => Promise<Float32Array>
  /** Ends the thread. Pending requests are rejected. */
  close: () => Promise<void>
}

type Pending = { resolve: (vectors: Float32Array) => void; reject: (reason: unknown) => void }

/**
 * Starts a thread with the first request, and another one if it has ended. Keeps the process alive while it loads and
 * during requests.
 */
export function createThread(input: () => Promise<WorkerInput>, now = () => performance.now()): Thread {
  const pending = new Map<number, Pending>()
  let running: Promise<Worker> | undefined
  let failure: { error: unknown; at: number } | undefined
  let last = 0

  async function started(): Promise<Worker> {
    if (failure !== undefined && now() - failure.at < RETRY_MS) throw failure.error
    running ??= input().then(start)
    const mine = running
    try {
      return await mine
    } catch (error) {
      if (running === mine) fail(error)
      throw error
    }
  }

  function fail(error: unknown) {
    running = undefined
    failure = { error, at: now() }
    for (const { reject } of pending.values()) reject(error)
    pending.clear()
  }

  function start(workerData: WorkerInput): Promise<Worker> {
    return new Promise((resolve, reject) => {
      // Options of the program's own script, such as `--input-type`, would refuse this file.
      const worker = new Worker(workerFile(), { workerData, execArgv: [] })
      let isReady = false
      const end = (error: Error) => {
        reject(error)
        if (isReady) fail(error)
        isReady = false
      }
      worker.on('error', end)
      worker.on('exit', () => end(new Error('the thread of the embedder has ended')))
      worker.on('message', (message: FromWorker) => {
        if ('failed' in message) reject(new Error(`the model cannot be used: ${message.failed}`))
        else if ('ready' in message) {
          isReady = true
          worker.unref()
          resolve(worker)
        } else settle(worker, message)
      })
    })
  }

  function settle(worker: Worker, { id, reply }: Extract<FromWorker, { id: number }>) {
    const request = taken(worker, id)
    if ('vectors' in reply) request?.resolve(reply.vectors)
    else request?.reject('tooLong' in reply ? new RangeError(reply.tooLong) : new Error(reply.error))
  }

  function taken(worker: Worker, id: number): Pending | undefined {
    const request = pending.get(id)
    pending.delete(id)
    if (pending.size === 0) worker.unref()
    return request
  }

  return {
    embed: (texts, signal) =>
      abortable(signal, async (isAborted, onAbort) => {
        const worker = await started()
        if (isAborted()) throw signal?.reason
        last += 1
        const id = last
        const post = (message: ToWorker) => worker.postMessage(message)
        onAbort(() => {
          taken(worker, id)
          post({ cancel: id })
        })
        worker.ref()
        return await new Promise((resolve, reject) => {
          pending.set(id, { resolve, reject })
          post({ id, texts })
        })
      }),
    async close() {
      const worker = await running?.catch(() => undefined)
      await worker?.terminate()
    },
  }
}

type Cancel = () => void

/** Rejects when the signal aborts, whatever the work waits for. */
function abortable<T>(
  signal: AbortSignal | undefined,
  work: (isAborted: () => boolean, onAbort: (cancel: Cancel) => void) => Promise<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let cancel: Cancel | undefined
    const abort = () => {
      cancel?.()
      reject(signal?.reason)
    }
    signal?.addEventListener('abort', abort, { once: true })
    work(
      () => signal?.aborted === true,
      (given) => {
        cancel = given
      },
    )
      .then(resolve, reject)
      .finally(() => signal?.removeEventListener('abort', abort))
  })
}

/**
 * Finds the worker's file beside this one, or in the installed package for a bundle.
 * @throws Error if a bundle was moved away from the package.
 */
function workerFile(): URL {
  const here = typeof __filename === 'string' ? pathToFileURL(__filename) : new URL(import.meta.url)
  const beside = new URL(here.pathname.endsWith('.ts') ? './worker.ts' : './onnx-worker.cjs', here)
  if (existsSync(beside)) return beside
  try {
    const manifest = resolveOptional('@hotdash/llm-gateway/package.json')
    return new URL('./dist/onnx-worker.cjs', pathToFileURL(manifest))
  } catch (cause) {
    throw new Error(
      'the thread of the ONNX embedder is not in the bundle: install @hotdash/llm-gateway beside it',
      {
        cause,
      },
    )
  }
}
