import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BIN, programEnv } from '../command.ts'

/** Configuration with the durations of a test, for recipients of the example domain. */
export const QUICK = {
  intervalSeconds: 0.2,
  thresholds: {
    windowMinutes: 5,
    errorRate: { minCalls: 5, forSeconds: 0 },
    latency: { minCalls: 5, forSeconds: 0 },
    degraded: { minCalls: 5, forSeconds: 0 },
    redis: { forSeconds: 0 },
    probes: { timeoutSeconds: 0.5, forSeconds: 0 },
    // Longer than a busy machine holds a monitor up.
    silentMonitorSeconds: 600,
    waitingRows: { rows: 3, forSeconds: 0 },
    burnRate: { forSeconds: 0 },
    clock: { forSeconds: 0 },
  },
  mail: {
    from: 'LLM gateway <alerts@example.com>',
    to: ['ops@example.com'],
    escalateTo: ['cto@example.com'],
    // A mail that is accepted and not acknowledged in time is sent again.
    timeoutSeconds: 60,
    retrySeconds: 0.1,
  },
  notify: {
    groupWaitSeconds: 0,
    groupIntervalSeconds: 0,
    repeatSeconds: 3_600,
    recoverSeconds: 0,
    escalateSeconds: 0,
  },
  runbookUrl: 'https://docs.example.com/runbooks/alerts',
}

export type MonitorProcess = {
  child: ChildProcess
  log: () => string
  /** SIGKILL, or SIGTERM. Resolves once it has ended. */
  end: (signal?: NodeJS.Signals) => Promise<void>
}

export type Monitors = {
  start: (name: string, args?: string[], env?: Record<string, string>) => MonitorProcess
  /** Writes the configuration for processes that start from now on. */
  configure: (config: object) => void
  /** Returns all that monitors have printed. */
  logs: () => string
  close: () => Promise<void>
}

/** Starts monitors as real processes at one Redis and one SMTP server. */
export function createMonitors(redis: string, smtpUrl: string, config: object = QUICK): Monitors {
  const folder = mkdtempSync(join(tmpdir(), 'gateway-monitor-'))
  const file = join(folder, 'monitor.json')
  const running: MonitorProcess[] = []
  const configure = (next: object) => writeFileSync(file, JSON.stringify(next))
  configure(config)
  return {
    configure,
    start(name, args = [], more = {}) {
      const env = programEnv({ LLM_GATEWAY_SMTP_URL: smtpUrl, ...more })
      const all = [BIN, 'monitor', '--config', file, '--redis', redis, '--name', name, ...args]
      const child = spawn(process.execPath, all, { env, stdio: ['ignore', 'pipe', 'pipe'] })
      let log = ''
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (chunk) => {
          log += chunk
        })
      const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
      const monitor: MonitorProcess = {
        child,
        log: () => log,
        async end(signal = 'SIGKILL') {
          if (child.exitCode === null && child.signalCode === null) child.kill(signal)
          await ended
        },
      }
      running.push(monitor)
      return monitor
    },
    logs: () => running.map((monitor) => monitor.log()).join('\n'),
    async close() {
      await Promise.all(running.map((monitor) => monitor.end()))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
