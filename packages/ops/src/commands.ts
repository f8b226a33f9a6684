import type { CommandTable } from './core/command.ts'

export const commands: CommandTable = {
  completion: () => import('./completion/command.ts'),
  doctor: () => import('./doctor/command.ts'),
  init: () => import('./init/command.ts'),
  keys: () => import('./keys/command.ts'),
  'litellm-config': () => import('./litellm-config/command.ts'),
  monitor: () => import('./monitor/command.ts'),
  policy: () => import('./policy/command.ts'),
  secrets: () => import('./secrets/command.ts'),
  serve: () => import('./serve/command.ts'),
  silence: () => import('./silence/command.ts'),
  switch: () => import('./switch/command.ts'),
}
