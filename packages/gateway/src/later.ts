/** More than this is not left for later: a loop of cache hits may never come to the end of its turn. */
const MAX_TASKS = 64

export type Later = ReturnType<typeof createLater>

/**
 * What no caller waits for (records, what the cache keeps, what quotas give back) is done once the answer has been
 * handed over. Whoever needs the outcome sooner has it done at once.
 */
export function createLater() {
  let tasks: (() => void)[] = []

  function run() {
    const due = tasks
    tasks = []
    for (const task of due) task()
  }

  return {
    add(task: () => void) {
      tasks.push(task)
      if (tasks.length === 1) setImmediate(run)
      if (tasks.length > MAX_TASKS) run()
    },
    run,
  }
}

/** For those who listen for every record, and want it before their call goes on. */
export const soon: Later = { add: queueMicrotask, run: () => undefined }
