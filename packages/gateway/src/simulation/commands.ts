/** Time for which a process serves an answer from its memory without asking Redis, in milliseconds. */
const LOCAL_MS = 60_000
/** A process reports the calls of this span to the limits in Redis by one script. */
const REPORT_MS = 100
/** A process writes its live metrics once in this span by one script. */
const METRICS_MS = 5_000

/** A process: when it last read each answer, and the spans of its last reports. */
export type Process = { seen: Map<string, number>; reported: number; metered: number }

/** Creates a model of the commands that processes send to Redis. A pipeline of three is three; a script is one. */
export function createCommands(processes: number) {
  const all = new Map<string, Process>()
  const turns = new Map<string, number>()
  let sent = 0
  let mostInSecond = 0
  let second = { number: Number.NaN, sent: 0 }

  function send(now: number): void {
    const number = Math.floor(now / 1_000)
    if (number !== second.number) second = { number, sent: 0 }
    second.sent += 1
    sent += 1
    mostInSecond = Math.max(mostInSecond, second.sent)
  }

  return {
    /** Returns the process that makes an agent's next call: they take turns. */
    processFor(agent: string): Process {
      const turn = (turns.get(agent) ?? -1) + 1
      turns.set(agent, turn)
      const name = `${agent} ${turn % processes}`
      const process = all.get(name) ?? { seen: new Map(), reported: Number.NaN, metered: Number.NaN }
      all.set(name, process)
      return process
    },
    /** Counts one call's metrics. */
    meter(process: Process, now: number): void {
      const span = Math.floor(now / METRICS_MS)
      if (span === process.metered) return
      process.metered = span
      send(now)
    },
    /** Counts a lookup of the exact cache. */
    lookUp(process: Process, key: string, now: number): void {
      const seenAt = process.seen.get(key)
      if (seenAt !== undefined && now - seenAt < LOCAL_MS) return
      send(now)
    },
    /** Counts nothing, but later lookups of this process may find the answer in memory. */
    remember(process: Process, key: string, now: number): void {
      const seenAt = process.seen.get(key)
      if (seenAt === undefined || now - seenAt >= LOCAL_MS) process.seen.set(key, now)
    },
    store: send,
    /** Counts what a call within limits costs: a process reports all calls of a span at once. */
    limit(process: Process, now: number): void {
      const span = Math.floor(now / REPORT_MS)
      if (span === process.reported) return
      process.reported = span
      send(now)
    },
    counts: () => ({ sent, mostInSecond, processes: all.size }),
  }
}
