import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { defineConfig, type Options } from 'tsup'
import { writeLicences } from '../../build/licences.ts'
import { sharedVocabulary, writeVocabulary } from '../../build/tokeniser.ts'

const entries = { index: 'src/index.ts', policy: 'src/policy/index.ts', custody: 'src/custody/index.ts' }

/** Loaded in place of the package where it cannot work. */
const edge = { 'edge-runtime': 'src/gateway/edge-runtime.ts' }

/** Entry points that only some programs load. */
const apart = {
  caller: 'src/config/describe-caller.ts',
  simulation: 'src/simulation/simulation.ts',
  admin: 'src/admin/index.ts',
  metrics: 'src/sinks/metrics/read.ts',
  'local-embedder': 'src/semantic/embedding/local.ts',
  'onnx-embedder': 'src/semantic/embedding/onnx/embedder.ts',
  sinks: 'src/sinks/sink.ts',
  server: 'src/http/parse-body.ts',
  'indices/pgvector': 'src/semantic/backends/pgvector.ts',
  'indices/usearch': 'src/semantic/index/usearch.ts',
  'indices/vector-sets': 'src/semantic/backends/vector-sets.ts',
}

/** Started by `onnx-embedder`. Threads start in CommonJS in programs of either form. */
const worker = { 'onnx-worker': 'src/semantic/embedding/onnx/worker.ts' }

type Plugin = NonNullable<Options['esbuildPlugins']>[number]

/**
 * Rewrites zod's `for … in` loops to own members. Members that an old library has put on `Object.prototype` break them
 * otherwise: at import, and for each option checked.
 */
const ownMembersOnly: Plugin = {
  name: 'own-members-only',
  setup(build) {
    build.onLoad(
      { filter: /zod[\\/]v4[\\/]core[\\/](core|schemas|util|memoizer|compile)\.js$/ },
      async ({ path }) => {
        const text = await readFile(path, 'utf8')
        const contents = text.replaceAll(
          /for \(const (\w+) in (.+?)\) \{/g,
          'for (const $1 of Object.keys($2)) {',
        )
        if (contents === text) throw new Error(`${path} has no loop to rewrite`)
        return { contents, loader: 'js' }
      },
    )
  },
}

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }

const common: Options = {
  define: { PACKAGE_VERSION: JSON.stringify(version) },
  format: ['esm', 'cjs'],
  target: 'node20',
  sourcemap: true,
  removeNodeProtocol: false,
  esbuildPlugins: [ownMembersOnly, sharedVocabulary],
  noExternal: [/^zod/, /^gpt-tokenizer/, 'lru-cache'],
  loader: { '.lua': 'text' },
  esbuildOptions(options, { format }) {
    // Stack traces need names and lines only.
    options.sourcesContent = false
    // A file of CommonJS holds all of its modules in readable form: a map adds two thirds of its size, and no name.
    if (format === 'cjs') options.sourcemap = false
    // `import()` in CommonJS fails where modules are not Node's own, as in Jest.
    if (format === 'cjs') options.supported = { 'dynamic-import': false }
  },
}

// zod is bundled, not imported: whole, it costs a third of openai's own import time;
// tree-shaken to the checks we use, next to nothing.
export default defineConfig([
  {
    ...common,
    entry: entries,
    dts: { entry: { ...entries, ...apart } },
    clean: true,
    async onSuccess() {
      writeVocabulary()
      writeLicences({ 'gpt-tokenizer': 'LICENSE', 'lru-cache': 'LICENSE.md', zod: 'LICENSE' })
    },
  },
  // A build of its own: shared chunks would add files that every program loads. Without source maps, for the size of the package.
  { ...common, entry: apart, splitting: false, sourcemap: false },
  { ...common, format: ['esm'], entry: edge },
  { ...common, format: ['cjs'], entry: worker },
])
