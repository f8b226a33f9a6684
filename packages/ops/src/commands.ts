import type { Command } from './core/command.ts'

/** Commands by name. Each is loaded when it is called. */
export const commands: Record<string, () => Promise<Command>> = {
  doctor: () => import('./doctor/command.ts'),
  init: () => import('./init/command.ts'),
  keys: () => import('./keys/command.ts'),
  'litellm-config': () => import('./litellm-config/command.ts'),
  monitor: () => import('./monitor/command.ts'),
  policy: () => import('./policy/command.ts'),
  report: () => import('./report/command.ts'),
  secrets: () => import('./secrets/command.ts'),
  serve: () => import('./serve/command.ts'),
  silence: () => import('./silence/command.ts'),
  switch: () => import('./switch/command.ts'),
  top: () => import('./top/command.ts'),
}
