import { registerHooks } from 'node:module'
import { instrument } from './instrument.ts'

/** Most counters that all modules together may have. */
const MOST = 65_536

/** Counters of all branches that were loaded, and the words found in their modules. */
export type Coverage = { counters: Uint8Array; branches: () => number; words: () => string[] }

/**
 * Instruments each module of the gateway's sources that is loaded from now on, and loads Lua scripts as text.
 * @throws Error (where a module is loaded) if there are more branches than counters
 */
export function watchCoverage(): Coverage {
  const counters = new Uint8Array(MOST)
  const words = new Set<string>()
  let branches = 0
  Object.assign(globalThis, { __fuzz: counters })
  registerHooks({
    load(url, context, nextLoad) {
      if (url.endsWith('.lua')) {
        const { source } = nextLoad(url, { ...context, format: 'module' })
        return {
          format: 'module',
          source: `export default ${JSON.stringify(textOf(source))}`,
          shortCircuit: true,
        }
      }
      const loaded = nextLoad(url, context)
      if (!/\/packages\/gateway\/src\/.*\.ts$/.test(url)) return loaded
      const instrumented = instrument(textOf(loaded.source), branches)
      branches += instrumented.branches
      if (branches > MOST) throw new Error(`more than ${MOST} branches: ${url}`)
      for (const word of instrumented.words) words.add(word)
      return { ...loaded, source: instrumented.source }
    },
  })
  return { counters, branches: () => branches, words: () => [...words] }
}

const textOf = (source: unknown): string =>
  typeof source === 'string' ? source : Buffer.from(source as Uint8Array).toString('utf8')
