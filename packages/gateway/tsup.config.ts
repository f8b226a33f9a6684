import { defineConfig } from 'tsup'

// zod is bundled, not imported: whole, it costs a third of openai's own import time;
// tree-shaken to the checks we use, next to nothing.
export default defineConfig({
  entry: ['src/index.ts', 'src/policy.ts', 'src/custody.ts'],
  format: ['esm', 'cjs'],
  target: 'node22',
  dts: true,
  sourcemap: true,
  clean: true,
  noExternal: [/^zod/],
  loader: { '.lua': 'text' },
})
