import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** A process that is sent orders and answers with reports. */
export type Peer<Order extends object, Report extends { type: string }> = {
  send: (order: Order) => void
  /** Resolves with the next report of this type. */
  next: <Type extends Report['type']>(type: Type) => Promise<Extract<Report, { type: Type }>>
  end: () => void
}

/** Starts a file of this folder. @param onReport receives each report as well */
export function startPeer<Order extends object, Report extends { type: string }>(
  file: string,
  onReport: (report: Report) => void = () => undefined,
): Peer<Order, Report> {
  const path = fileURLToPath(new URL(file, import.meta.url))
  const child: ChildProcess = fork(path, { execArgv: ['--expose-gc'], serialization: 'advanced' })
  const waiting: { type: string; resolve: (report: never) => void; reject: (error: Error) => void }[] = []
  child.on('message', (report: Report) => {
    onReport(report)
    const at = waiting.findIndex(({ type }) => type === report.type)
    if (at !== -1) waiting.splice(at, 1)[0]?.resolve(report as never)
  })
  child.on('exit', (code, signal) => {
    for (const { reject } of waiting.splice(0)) reject(new Error(`${file} has ended: ${code ?? signal}`))
  })
  return {
    send: (order) => void child.send(order),
    next: (type) => new Promise((resolve, reject) => void waiting.push({ type, resolve, reject })),
    end: () => void child.kill(),
  }
}
