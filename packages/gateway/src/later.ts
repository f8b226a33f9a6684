import { attempt, type Fault } from './faults.ts'
import { setSoon } from './timers.ts'

/** Most tasks left waiting: a loop of cache hits may never come to the end of its turn. */
const MAX_TASKS = 16

type Task = () => unknown

/**
 * Work no caller waits for. Each task runs apart from the others: one that throws, or whose promise rejects, is reported
 * as a fault and harms neither the tasks after it nor the process.
 */
export type Later = {
  /** `otherwise` is done if the task fails. */
  add: (task: Task, otherwise?: Task) => void
  /** Runs a task once a promise has settled; `otherwise` if either of the two fails. */
  after: <T>(promise: Promise<T>, task: (value: T) => unknown, otherwise?: Task) => void
  /** Runs all waiting tasks now. */
  run: () => void
}

const TASK = 'deferred work'

/** Tasks run in the next turn of the event loop, after the answer has been handed over. */
export function createLater(fault: Fault): Later {
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

/** Tasks run as microtasks: for programs that listen for each record and want it before their call goes on. */
export const createSoon = (fault: Fault): Later => ({
  add: (task, otherwise) => queueMicrotask(attempt.bind(undefined, task, fault, TASK, otherwise)),
  after: (promise, task, otherwise) => attempt(() => promise.then(task), fault, TASK, otherwise),
  run: () => undefined,
})
