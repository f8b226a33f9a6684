import { attempt, type Fault } from './faults.ts'
import { setSoon } from './timers.ts'

/** Largest number of waiting tasks: a loop of cache hits may never reach the end of its turn. */
const MAX_TASKS = 16

type Task = () => unknown

/**
 * Queue for work that no caller awaits. Each task runs on its own: one that throws or rejects is reported as a fault
 * and harms neither later tasks nor the process.
 */
export type DeferredQueue = {
  /** Adds a task. `otherwise` runs if it fails. */
  add: (task: Task, otherwise?: Task) => void
  /** Runs a task once a promise has settled; `otherwise` if either of the two fails. */
  after: <T>(promise: Promise<T>, task: (value: T) => unknown, otherwise?: Task) => void
  /** Runs all waiting tasks now. */
  run: () => void
}

const TASK = 'deferred work'

/** Runs tasks in the next turn of the event loop, after the answer has been handed over. */
export function createDeferredQueue(fault: Fault): DeferredQueue {
  let tasks: [task: Task, otherwise: Task | undefined][] = []

  function run() {
    const due = tasks
    tasks = []
    for (const [task, otherwise] of due) attempt(task, fault, TASK, otherwise)
  }

  return {
    add(task, otherwise) {
      tasks.push([task, otherwise])
      if (tasks.length === 1) setSoon(attempt, run, fault, TASK)
      if (tasks.length > MAX_TASKS) run()
    },
    after: (promise, task, otherwise) => attempt(() => promise.then(task), fault, TASK, otherwise),
    run,
  }
}

/** Runs tasks as microtasks, for programs that listen for each record and want it before their call continues. */
export const createMicrotaskQueue = (fault: Fault): DeferredQueue => ({
  add: (task, otherwise) => queueMicrotask(attempt.bind(undefined, task, fault, TASK, otherwise)),
  after: (promise, task, otherwise) => attempt(() => promise.then(task), fault, TASK, otherwise),
  run: () => undefined,
})
