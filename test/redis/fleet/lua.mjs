import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'

// Lua scripts are imported as text, as tsup and vitest do it.
registerHooks({
  load: (url, context, next) =>
    url.endsWith('.lua')
      ? {
          format: 'module',
          shortCircuit: true,
          source: `export default ${JSON.stringify(readFileSync(new URL(url), 'utf8'))}`,
        }
      : next(url, context),
})
