/** One call that a process let out, by the simulated time. `cost` is absent until the call has ended. */
export type Call = { process: number; at: number; worst: number; cost?: number }

export type Op =
  | { do: 'wait'; ms: number }
  | { do: 'burst'; process: number; calls: number; worst: number }
  | { do: 'end'; call: number; part: number }
  /** It tells Redis what it has admitted without asking. */
  | { do: 'tell'; process: number }
  | { do: 'cut' | 'heal' | 'kill'; process: number }
  /** From now on, what this process sends stays on its way until it is delivered. */
  | { do: 'hold'; process: number }
  /** Redis executes `commands` of the commands in transit; their replies arrive. */
  | { do: 'deliver'; process: number; commands: number }
  /** Redis executes `commands` of the commands in transit; no reply arrives, and the connection is cut. */
  | { do: 'lose'; process: number; commands: number }
  /** The connection is lost with the next command, executed or not; it is sent once more over a new connection. */
  | { do: 'reset'; process: number; isExecuted: boolean }
  /**
   * Redis restarts twice: it executes the next command, whose reply is lost, is available again, and the command after that is
   * not sent.
   */
  | { do: 'restart'; process: number }
  /** A new process starts; `cut`: Redis is out of its reach. */
  | { do: 'join'; cut?: boolean }
  /** Redis is out of reach of all processes, or back. */
  | { do: 'cutAll' }
  | { do: 'healAll' }

/** The most that certainly was spent: what ended, at its cost; what is under way or was lost, at its worst. */
export const spent = (calls: Call[]) => calls.reduce((sum, { cost, worst }) => sum + (cost ?? worst), 0)

/** The most calls that any 60 seconds hold. */
export function worstMinute(calls: Call[]): number {
  const times = calls.map(({ at }) => at).toSorted((a, b) => a - b)
  return times.reduce((most, from, index) => {
    const end = times.findIndex((at) => at >= from + 60_000)
    return Math.max(most, (end === -1 ? times.length : end) - index)
  }, 0)
}
