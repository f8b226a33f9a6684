import type { CommandTable } from './core/command.ts'

export const commands: CommandTable = {
  cache: () => import('./cache/command.ts'),
  completion: () => import('./completion/command.ts'),
  deploy: () => import('./deploy/command.ts'),
  doctor: () => import('./doctor/command.ts'),
  errors: () => import('./errors/command.ts'),
  init: () => import('./init/command.ts'),
  keys: () => import('./keys/command.ts'),
  'litellm-config': () => import('./litellm-config/command.ts'),
  monitor: () => import('./monitor/command.ts'),
  policy: () => import('./policy/command.ts'),
  quota: () => import('./quota/command.ts'),
  report: () => import('./report/command.ts'),
  secrets: () => import('./secrets/command.ts'),
  semantic: () => import('./semantic/command.ts'),
  serve: () => import('./serve/command.ts'),
  simulate: () => import('./simulate/command.ts'),
  silence: () => import('./silence/command.ts'),
  switch: () => import('./switch/command.ts'),
  usage: () => import('./usage/command.ts'),
  top: () => import('./top/command.ts'),
}
