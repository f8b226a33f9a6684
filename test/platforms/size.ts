import { ok } from 'node:assert/strict'
import { lstatSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { GATEWAY, type Platform } from './platform.ts'

/** Megabytes, a tenth above what was measured when the budget was set. */
const BUDGETS = {
  /** Everything that an install adds to `openai` alone. */
  installed: 21,
  /** The package itself. */
  package: 5.5,
  /** One file that esbuild makes of a program with `openai`, unminified. */
  bundle: 6.5,
}

const megabytes = (bytes: number) => bytes / 1_000_000

function sizeOf(path: string): number {
  const stats = lstatSync(path)
  if (!stats.isDirectory()) return stats.size
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0)
}

function within(bytes: number, budget: number): string {
  const size = `${megabytes(bytes).toFixed(1)} of ${budget} MB`
  ok(megabytes(bytes) <= budget, size)
  return size
}

export const size: Platform = {
  name: 'size',
  versions: 'openai 7.59.0, esbuild 0.28.2',
  isQuick: true,
  packages: { ...GATEWAY, esbuild: '0.28.2' },
  fixtures: ['exercise.cjs', 'agent.mjs'],
  cases: [
    {
      name: 'installed beside openai',
      async run({ folder }) {
        const modules = join(folder, 'node_modules')
        const others = ['openai', 'esbuild', '@esbuild'].map((name) => sizeOf(join(modules, name)))
        return within(sizeOf(modules) - others.reduce((sum, bytes) => sum + bytes, 0), BUDGETS.installed)
      },
    },
    {
      name: 'the package',
      run: async ({ folder }) =>
        within(sizeOf(join(folder, 'node_modules/@hotdash/llm-gateway')), BUDGETS.package),
    },
    {
      name: 'a bundle',
      async run({ folder, run }) {
        await run('esbuild', [
          'agent.mjs',
          '--bundle',
          '--platform=node',
          '--outfile=bundle.cjs',
          '--log-level=error',
        ])
        return within(statSync(join(folder, 'bundle.cjs')).size, BUDGETS.bundle)
      },
    },
  ],
}
