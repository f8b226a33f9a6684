import { defineConfig } from 'tsup'
import { writeLicences } from '../../build/licences.ts'
import { sharedVocabulary, writeVocabulary } from '../../build/tokeniser.ts'

export default defineConfig({
  entry: ['src/index.ts'],
  format: ['esm', 'cjs'],
  target: 'node20',
  dts: true,
  sourcemap: true,
  clean: true,
  removeNodeProtocol: false,
  noExternal: [/^gpt-tokenizer/],
  esbuildPlugins: [sharedVocabulary],
  async onSuccess() {
    writeVocabulary()
    writeLicences({ 'gpt-tokenizer': 'LICENSE' })
  },
  esbuildOptions(options, { format }) {
    // Stack traces need names and lines only.
    options.sourcesContent = false
    // `import()` in CommonJS fails where modules are not Node's own, as in Jest.
    if (format === 'cjs') options.supported = { 'dynamic-import': false }
  },
})
