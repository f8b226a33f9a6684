/** Names of all alerts, each with the labels that tell its findings apart. The monitor has a condition of each name. */
export const LABELS_OF: Readonly<Record<string, readonly string[]>> = {
  'error-rate': [],
  latency: [],
  'quota-exceeded': ['team'],
  down: ['target'],
  'daily-spend': [],
  'redis-down': [],
  'cache-degraded': [],
  'burn-rate': ['team'],
  budget: ['team', 'percent'],
  'rows-waiting': [],
  'policy-refused': [],
  'rotation-due': ['secret'],
  'certificate-ending': ['target'],
  'monitor-silent': ['monitor'],
  'clock-skew': [],
}

/** Tells whether a value matches a pattern: `*` at its end matches any rest. */
export const matchesPattern = (value: string | undefined, pattern: string): boolean =>
  value !== undefined && (pattern.endsWith('*') ? value.startsWith(pattern.slice(0, -1)) : value === pattern)
