import { readFileSync } from 'node:fs'
import { configDefaults, defineConfig } from 'vitest/config'
import { leftOut } from './test/redis/server.ts'

/** Lua scripts are imported as text, as tsup does it for the package. */
const lua = {
  name: 'lua-as-text',
  load: (id: string) =>
    id.endsWith('.lua') ? `export default ${JSON.stringify(readFileSync(id, 'utf8'))}` : undefined,
}

export default defineConfig({
  plugins: [lua],
  test: {
    include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...leftOut()],
    globalSetup: ['test/redis/global-setup.ts'],
    // Most tests wait more than they compute.
    maxWorkers: 2,
    testTimeout: 20_000,
    execArgv: ['--expose-gc'],
    hookTimeout: 30_000,
  },
})
