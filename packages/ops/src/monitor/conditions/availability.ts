import type { Condition } from './condition.ts'
import { formatDuration } from './format.ts'

/** Redis: without it there is no shared cache, and limits hold for each process alone. */
export const redisDown: Condition = {
  name: 'redis-down',
  title: 'Redis unavailable',
  severity: 'critical',
  unit: 'state',
  forSeconds: ({ redis }) => redis.forSeconds,
  evaluate: ({ redisTrouble }) => [
    {
      isActive: redisTrouble !== '',
      value: redisTrouble === '' ? 0 : 1,
      threshold: 1,
      text:
        redisTrouble === ''
          ? 'Redis answers.'
          : `Redis cannot be used (${redisTrouble}): no shared cache, and limits hold for each process alone.`,
    },
  ],
}

/** An address that does not answer with a status below 400, asked from outside. */
export const probeFailed: Condition = {
  name: 'down',
  title: 'Down',
  severity: 'critical',
  unit: 'state',
  forSeconds: ({ probes }) => probes.forSeconds,
  evaluate: ({ probes }) =>
    probes?.map(({ name, url, ok, detail }) => ({
      labels: { target: name },
      isActive: !ok,
      value: ok ? 0 : 1,
      threshold: 1,
      text: ok ? `${name} answers at ${url}.` : `${name} does not answer at ${url}: ${detail}.`,
    })),
}

/** Another monitor that gave no sign of life. */
export const silentMonitor: Condition = {
  name: 'monitor-silent',
  title: 'Monitor silent',
  severity: 'critical',
  unit: 'seconds',
  forSeconds: () => 0,
  evaluate({ monitors, now }, { silentMonitorSeconds }) {
    return monitors?.map(({ name, at }) => {
      const value = Math.max(0, (now - at) / 1_000)
      return {
        labels: { monitor: name },
        isActive: value > silentMonitorSeconds,
        value,
        threshold: silentMonitorSeconds,
        text: `Monitor ${name} gave its last sign of life ${formatDuration(value * 1_000)} ago.`,
      }
    })
  },
}

export const clockSkew: Condition = {
  name: 'clock-skew',
  title: 'Wrong clock',
  severity: 'warning',
  unit: 'seconds',
  forSeconds: ({ clock }) => clock.forSeconds,
  evaluate({ clockSkewMs }, { clock: { skewSeconds } }) {
    if (clockSkewMs === undefined) return undefined
    const value = Math.abs(clockSkewMs) / 1_000
    const direction = clockSkewMs > 0 ? 'ahead of' : 'behind'
    return [
      {
        isActive: value > skewSeconds,
        value,
        threshold: skewSeconds,
        text: `The clock of the monitor is ${formatDuration(value * 1_000)} ${direction} that of Redis, by which all times here are given.`,
      },
    ]
  },
}
