import { defineConfig, type Options } from 'tsup'

/** What only some programs load. */
const indices = {
  'indices/pgvector': 'src/semantic/engine/pgvector.ts',
  'indices/usearch': 'src/semantic/index/usearch.ts',
  'indices/vector-sets': 'src/semantic/engine/vector-sets.ts',
}

const common: Options = { format: ['esm', 'cjs'], target: 'node22', sourcemap: true }

// zod is bundled, not imported: whole, it costs a third of openai's own import time;
// tree-shaken to the checks we use, next to nothing.
export default defineConfig([
  {
    ...common,
    entry: ['src/index.ts', 'src/policy.ts', 'src/custody.ts'],
    dts: { entry: { index: 'src/index.ts', policy: 'src/policy.ts', custody: 'src/custody.ts', ...indices } },
    clean: true,
    noExternal: [/^zod/],
    loader: { '.lua': 'text' },
  },
  // Built apart: pieces shared with the rest would be files more to load for everybody.
  { ...common, entry: indices, splitting: false },
])
