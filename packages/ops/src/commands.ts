import type { Command } from './command.ts'

/** Each command is loaded when it is called for: one line each, by its name. */
export const commands: Record<string, () => Promise<Command>> = {
  keys: () => import('./commands/keys.ts'),
  'litellm-config': () => import('./commands/litellm-config.ts'),
  policy: () => import('./commands/policy.ts'),
  serve: () => import('./commands/serve.ts'),
  switch: () => import('./commands/switch.ts'),
}
