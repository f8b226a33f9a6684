import { defineConfig } from 'tsup'

export default defineConfig({
  entry: ['src/main.ts'],
  format: ['esm'],
  target: 'node22',
  splitting: true,
  sourcemap: true,
  clean: true,
  loader: { '.lua': 'text' },
})
