import { defineConfig } from 'tsup'

// zod is bundled, not imported: whole, it costs a third of openai's own import time;
// tree-shaken to the checks we use, next to nothing.
const common = {
  format: ['esm', 'cjs'] as const,
  target: 'node22',
  dts: true,
  sourcemap: true,
}

export default defineConfig([
  {
    ...common,
    format: [...common.format],
    entry: ['src/index.ts'],
    clean: ['dist/*'],
    noExternal: [/^zod/],
    loader: { '.lua': 'text' },
  },
  // What only some programs load. Built apart: shared pieces would be one more file to load for all the others.
  {
    ...common,
    format: [...common.format],
    entry: {
      usearch: 'src/semantic/index/usearch.ts',
    },
    outDir: 'dist/indices',
    clean: true,
  },
])
