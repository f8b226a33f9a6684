import type { Fault } from './faults.ts'

/** Most tasks left waiting: a loop of cache hits may never come to the end of its turn. */
const MAX_TASKS = 64

type Task = () => unknown

/**
 * Work no caller waits for. Each task runs apart from the others: one that throws, or whose promise rejects, is reported
 * as a fault and harms neither the tasks after it nor the process.
 */
export type Later = {
  add: (task: Task) => void
  /** Runs a task once a promise has settled. */
  after: <T>(promise: Promise<T>, task: (value: T) => unknown) => void
  /** Runs all waiting tasks now. */
  run: () => void
}

/** Tasks run in the next turn of the event loop, after the answer has been handed over. */
export function createLater(fault: Fault): Later {
  let tasks: Task[] = []

  function run() {
    const due = tasks
    tasks = []
    for (const task of due) attempt(task, fault)
  }

  return {
    add(task) {
      tasks.push(task)
      if (tasks.length === 1) setImmediate(run)
      if (tasks.length > MAX_TASKS) run()
    },
    after: (promise, task) => after(promise, task, fault),
    run,
  }
}

/** Tasks run as microtasks: for programs that listen for each record and want it before their call goes on. */
export const createSoon = (fault: Fault): Later => ({
  add: (task) => queueMicrotask(() => attempt(task, fault)),
  after: (promise, task) => after(promise, task, fault),
  run: () => undefined,
})

function attempt(task: Task, fault: Fault) {
  try {
    const result = task()
    if (result instanceof Promise) result.catch((error: unknown) => fault(error, TASK))
  } catch (error) {
    fault(error, TASK)
  }
}

function after<T>(promise: Promise<T>, task: (value: T) => unknown, fault: Fault) {
  promise.then(task).catch((error: unknown) => fault(error, TASK))
}

const TASK = 'deferred work'
