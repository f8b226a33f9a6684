import { defineConfig } from 'vitest/config'

/** Against a real LiteLLM proxy: see test/litellm/run.ts. */
export default defineConfig({
  test: {
    include: ['test/litellm/*.live.ts'],
    testTimeout: 30_000,
    hookTimeout: 120_000,
    fileParallelism: false,
  },
})
