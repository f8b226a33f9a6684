/** `skipped`: not looked at, since it is not configured or was not asked for. */
export type Level = 'ok' | 'warning' | 'problem' | 'skipped'

/** Result of looking at one thing. */
export type Finding = {
  area: Area
  level: Level
  text: string
  /** What to do; given for warnings and problems. */
  fix?: string
}

export const AREAS = [
  'environment',
  'policy',
  'redis',
  'upstream',
  'langfuse',
  'supabase',
  'mail',
  'serve',
  'network',
  'clock',
] as const
export type Area = (typeof AREAS)[number]

/** Looks at one area. Never rejects for what it looks at. */
export type Probe = (settings: ProbeSettings) => Promise<Finding[]>

/** What the probes look at. */
export type ProbeSettings = {
  env: NodeJS.ProcessEnv
  /** Writes nothing. */
  readOnly: boolean
  /** Address of a running `serve`. */
  serve: string | undefined
  /** Host names whose DNS entry and certificate are checked. */
  hosts: string[]
  /** Path of a policy. */
  policy: string | undefined
  /** Whether the folder of `llm-gateway init` is there, whose vault may have what the environment lacks. */
  hasFolder: boolean
}

/** Creates the functions that make findings of one area. */
export const findingsOf = (area: Area) => ({
  ok: (text: string): Finding => ({ area, level: 'ok', text }),
  skipped: (text: string): Finding => ({ area, level: 'skipped', text }),
  warning: (text: string, fix: string): Finding => ({ area, level: 'warning', text, fix }),
  problem: (text: string, fix: string): Finding => ({ area, level: 'problem', text, fix }),
})
