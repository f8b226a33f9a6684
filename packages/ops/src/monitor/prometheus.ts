import type { MonitorStatus } from './run.ts'

type Sample = { labels?: Record<string, string>; value: number }
type Family = { name: string; type: 'gauge' | 'counter'; help: string; samples: Sample[] }

/**
 * Renders the state of a monitor in Prometheus' text format. Figures that could not be measured are absent. Only the leader
 * has those of the gateway.
 * Source: https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function renderMetrics(status: MonitorStatus): string {
  const families = [...ownFamilies(status), ...alertFamilies(status), ...gatewayFamilies(status)]
  return families
    .filter(({ samples }) => samples.length > 0)
    .map(({ name, type, help, samples }) =>
      [
        `# HELP llm_gateway_${name} ${help}`,
        `# TYPE llm_gateway_${name} ${type}`,
        ...samples.map(({ labels = {}, value }) => `llm_gateway_${name}${renderLabels(labels)} ${value}`),
      ].join('\n'),
    )
    .join('\n')
    .concat('\n')
}

function renderLabels(labels: Record<string, string>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeValue(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

const escapeValue = (value: string) =>
  value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')

const gauge = (name: string, help: string, samples: (Sample | undefined)[]): Family => ({
  name,
  type: 'gauge',
  help,
  samples: samples.filter((sample) => sample !== undefined),
})

const known = (value: number | undefined, labels?: Record<string, string>): Sample | undefined =>
  value === undefined ? undefined : { value, ...(labels && { labels }) }

function ownFamilies({ last, lastAt, counts, queued }: MonitorStatus): Family[] {
  return [
    gauge('monitor_leader', 'Whether this monitor evaluates for all.', [
      known(last?.role === 'leader' ? 1 : 0),
    ]),
    gauge('monitor_last_evaluation_seconds', 'Time of the last evaluation, in seconds since 1970.', [
      known(lastAt === undefined ? undefined : lastAt / 1_000),
    ]),
    gauge('monitor_messages_queued', 'Messages that wait in Redis.', [known(queued)]),
    {
      name: 'monitor_deliveries_total',
      type: 'counter',
      help: 'Attempts to deliver a message, by result.',
      samples: Object.entries(counts).map(([result, value]) => ({ labels: { result }, value })),
    },
  ]
}

function alertFamilies({ last }: MonitorStatus): Family[] {
  const incidents = Object.values(last?.stored.state.incidents ?? {})
  const alerts = incidents.flatMap(({ members }) => Object.values(members))
  return [
    gauge(
      'alert_firing',
      'Whether an alert of an open incident is firing.',
      alerts.map(({ alert, severity, labels, resolvedAt }) => ({
        labels: { alert, severity, ...labels },
        value: resolvedAt === undefined ? 1 : 0,
      })),
    ),
  ]
}

function gatewayFamilies({ last }: MonitorStatus): Family[] {
  const measured = last?.measured
  const calls = measured?.calls
  const { window, today } = calls ?? {}
  return [
    gauge('redis_up', 'Whether Redis can be used.', [
      known(measured && (measured.redisTrouble === '' ? 1 : 0)),
    ]),
    gauge('window_calls', 'Calls in the window.', [known(window?.calls)]),
    gauge('window_errors', 'Failed calls in the window.', [known(window?.errors)]),
    gauge('window_degraded', 'Calls in the window without full use of Redis.', [known(window?.degraded)]),
    gauge('window_latency_p95_seconds', 'p95 of the latency in the window.', [
      known(window?.p95Ms === undefined ? undefined : window.p95Ms / 1_000),
    ]),
    gauge(
      'window_refused_calls',
      'Calls in the window that a limit of their team refused.',
      Object.entries(window?.refusals ?? {}).map(([team, byCode]) => ({
        labels: { team },
        value: Object.values(byCode).reduce((sum, count) => sum + count, 0),
      })),
    ),
    gauge('spend_today_usd', 'Spent since midnight in the time zone of the policy.', [known(today?.usd)]),
    gauge(
      'team_spend_today_usd',
      'The same by team.',
      Object.entries(today?.teams ?? {}).map(([team, value]) => ({ labels: { team }, value })),
    ),
    gauge(
      'team_budget_usd',
      'Daily budget by team.',
      Object.entries(measured?.budgets ?? {}).map(([team, value]) => ({ labels: { team }, value })),
    ),
    gauge(
      'probe_up',
      'Whether an address answers.',
      (measured?.probes ?? []).map(({ name, ok }) => ({ labels: { target: name }, value: ok ? 1 : 0 })),
    ),
    gauge(
      'certificate_end_seconds',
      'End of the certificate of an address, in seconds since 1970.',
      (measured?.probes ?? []).map(({ name, certificateEndsAt: at }) =>
        known(at === undefined ? undefined : at / 1_000, { target: name }),
      ),
    ),
    gauge('clock_skew_seconds', "By how much this machine's clock is ahead of that of Redis.", [
      known(measured?.clockSkewMs === undefined ? undefined : measured.clockSkewMs / 1_000),
    ]),
    gauge('rows_waiting', 'Rows that wait in Redis for Supabase.', [known(measured?.waitingRows)]),
  ]
}
