import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Job, Told } from './worker.ts'

const WORKER = fileURLToPath(new URL('worker.ts', import.meta.url))
const LUA = new URL('lua.mjs', import.meta.url).href

/** One call that left for upstream; at its worst, until it is known how it ended. */
export type Left = { id: string; at: number; cost: number; tokens: number }
export type Outcome = { calls: Left[]; done: Extract<Told, { type: 'done' }>[] }

/** Of a process with four callers: each has asked some times after the last call ended. */
const ENOUGH_REFUSALS = 40

/** Real processes, each with its own connection, clock reading and memory. */
export async function startFleet(url: string, size: number) {
  const children = Array.from({ length: size }, () =>
    fork(WORKER, [url, String(size)], {
      execArgv: ['--import', LUA, '--disable-warning=ExperimentalWarning', '--experimental-strip-types'],
    }),
  )
  const told = (child: ChildProcess, type: Told['type']) =>
    new Promise<void>((resolve) => {
      const listen = (message: Told) => {
        if (message.type !== type) return
        child.off('message', listen)
        resolve()
      }
      child.on('message', listen)
      child.once('exit', () => resolve())
    })
  await Promise.all(children.map((child) => told(child, 'ready')))

  return {
    /** All of them at once; meanwhile, whatever happens to Redis or to them. */
    async hammer(job: Job, meanwhile: () => Promise<unknown> = async () => undefined): Promise<Outcome> {
      const calls = new Map<string, Left>()
      const done: Outcome['done'] = []
      const living = children.filter((child) => child.connected)
      // Each of them has been refused so often since anything changed that nothing is left.
      const refusals = new Map<ChildProcess, number>()
      const refuse = (child: ChildProcess) => {
        refusals.set(child, (refusals.get(child) ?? 0) + 1)
        if (living.some((child) => child.connected && (refusals.get(child) ?? 0) < ENOUGH_REFUSALS)) return
        for (const child of living) if (child.connected) child.send('stop')
      }
      const listenTo = (child: ChildProcess) => (message: Told) => {
        if (message.type === 'left' || message.type === 'ended') refusals.clear()
        if (message.type === 'refused') refuse(child)
        else if (message.type === 'left') calls.set(message.id, message)
        else if (message.type === 'ended') Object.assign(calls.get(message.id) ?? {}, message)
        else if (message.type === 'done') done.push(message)
      }
      const listeners = new Map(living.map((child) => [child, listenTo(child)]))
      for (const [child, listen] of listeners) child.on('message', listen)
      const all = Promise.all(living.map((child) => told(child, 'done')))
      for (const child of living) child.send(job)
      await Promise.all([all, meanwhile()])
      for (const [child, listen] of listeners) child.off('message', listen)
      return { calls: [...calls.values()], done }
    },
    /** Sends SIGKILL: the holds of the killed processes stay unsettled. */
    async kill(count: number) {
      const victims = children.filter((child) => child.connected).slice(0, count)
      const gone = victims.map((child) => new Promise((resolve) => child.once('exit', resolve)))
      for (const child of victims) child.kill('SIGKILL')
      await Promise.all(gone)
    },
    close() {
      for (const child of children) child.kill('SIGKILL')
    },
  }
}

/** The most that any 60 seconds hold, wherever they begin. */
export function worstSpan(calls: readonly Left[], of: (call: Left) => number): number {
  const sorted = calls.toSorted((a, b) => a.at - b.at)
  let [worst, held, oldest] = [0, 0, 0]
  for (const call of sorted) {
    held += of(call)
    for (let first = sorted[oldest]; first && first.at <= call.at - 60_000; first = sorted[oldest]) {
      held -= of(first)
      oldest += 1
    }
    worst = Math.max(worst, held)
  }
  return worst
}

export const total = (calls: readonly Left[], of: (call: Left) => number) =>
  calls.reduce((sum, call) => sum + of(call), 0)
