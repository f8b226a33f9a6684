const TIMEOUT_MS = 5_000

/** Calls the address of an outside service that alerts when calls stay away. A failure is logged, and changes nothing. */
export async function callHeartbeat(url: string, log: (text: string) => void): Promise<void> {
  try {
    const response = await fetch(url, { redirect: 'follow', signal: AbortSignal.timeout(TIMEOUT_MS) })
    await response.arrayBuffer()
    if (!response.ok) log(`the heartbeat address answers ${response.status}`)
  } catch (error) {
    log(`the heartbeat address does not answer: ${error instanceof Error ? error.message : 'unknown error'}`)
  }
}
