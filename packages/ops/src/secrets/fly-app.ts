import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What the `fly.toml` of an app says, in the folder that `llm-gateway init` wrote. */
export type FlyApp = {
  /** Name of the app at Fly. */
  name: string
  /** Variables of `[env]` that hold an http address. They are no secrets, and the same on each machine. */
  addresses: Record<string, string>
}

/** Returns what is known of an app; `undefined`: the folder has no such file, as this deployment has no such app. */
export function readFlyApp(folder: string, app: string): FlyApp | undefined {
  let toml: string
  try {
    toml = readFileSync(join(folder, 'fly', app, 'fly.toml'), 'utf8')
  } catch {
    return undefined
  }
  const [, name] = /^app *= *"([^"]+)"/m.exec(toml) ?? []
  const [, env = ''] = /^\[env\]$(.*?)(?=^\[|(?![\s\S]))/ms.exec(toml) ?? []
  if (name === undefined) return undefined
  const addresses = [...env.matchAll(/^ *(\w+) *= *"(https?:\/\/[^"]+)"/gm)].map(
    ([, variable = '', value = '']) => [variable, value] as const,
  )
  return { name, addresses: Object.fromEntries(addresses) }
}
