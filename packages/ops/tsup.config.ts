import { cpSync, readFileSync, rmSync } from 'node:fs'
import { defineConfig } from 'tsup'
import { writeLicences } from '../../build/licences.ts'
import { copyDocs, linkToRepository } from '../../build/shipped-docs.ts'

/** Copies what `llm-gateway init` writes: the reviewed files of packages/infra, and the runbooks. */
async function copyTemplates(homepage: string): Promise<void> {
  rmSync('dist/templates', { recursive: true, force: true })
  for (const name of ['fly', 'supabase', 'secrets.json'])
    cpSync(`../infra/${name}`, `dist/templates/${name}`, { recursive: true })
  cpSync('../../docs/runbooks', 'dist/templates/runbooks', { recursive: true })
  linkToRepository('dist/templates/runbooks', 'runbooks', homepage)
  writeLicences({
    'csv-parse': 'LICENSE',
    echarts: ['LICENSE', 'NOTICE'],
    'echarts/node_modules/tslib': ['LICENSE.txt', 'CopyrightNotice.txt'],
    zrender: 'LICENSE',
    zod: 'LICENSE',
  })
}

export default defineConfig({
  entry: ['src/main.ts'],
  format: ['esm'],
  target: 'node22',
  splitting: true,
  sourcemap: true,
  clean: true,
  loader: { '.lua': 'text' },
  async onSuccess() {
    const { homepage } = JSON.parse(readFileSync('package.json', 'utf8')) as { homepage: string }
    await copyTemplates(homepage)
    copyDocs('../../docs', 'dist/docs', homepage)
  },
})
