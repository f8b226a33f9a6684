import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { OnnxModel } from './model.ts'

/** A model of eight words, with the framing tokens and the unknown one. */
const WORDS = ['[CLS]', '[SEP]', '[UNK]', 'how', 'reset', 'refund', 'password', 'wait', 'crash']

const TOKENIZERS = `
exports.Tokenizer = class {
  constructor(json) { this.json = json }
  encode(text) {
    const { vocab } = this.json.model
    const ids = text.split(' ').map((word) => vocab.indexOf(word) < 0 ? 2 : vocab.indexOf(word))
    return { ids: [0, ...ids, 1].slice(0, this.json.truncation?.max_length ?? 1e9) }
  }
}`

/**
 * A token's vector is its number in base 3, framing tokens count nothing, and padding is poison. \`wait\` holds the run
 * until a file exists; \`crash\` ends the thread; a model file with the word broken cannot be opened.
 */
const RUNTIME = `
const { appendFileSync, existsSync, readFileSync } = require('node:fs')
exports.env = { wasm: {} }
exports.Tensor = class { constructor(type, data, dims) { Object.assign(this, { type, data, dims }) } }
exports.InferenceSession = {
  async create(path) {
    const text = readFileSync(path, 'utf8')
    if (text.includes('broken')) throw new Error('not a model')
    return {
      inputNames: ['input_ids', 'attention_mask'],
      outputNames: ['last_hidden_state'],
      async run({ input_ids, attention_mask }) {
        const [rows, tokens] = input_ids.dims
        appendFileSync(path + '.runs', rows + '\\n')
        if (input_ids.data.includes(8n)) process.exit(1)
        while (input_ids.data.includes(7n) && !existsSync(path + '.go')) await new Promise((go) => setTimeout(go, 5))
        const data = new Float32Array(rows * tokens * 4)
        for (let at = 0; at < rows * tokens; at += 1)
          for (let each = 0; each < 4; each += 1)
            data[at * 4 + each] = attention_mask.data[at] === 0n ? 1e6
              : input_ids.data[at] < 2n ? 0 : Math.floor(Number(input_ids.data[at]) / 3 ** each) % 3 - (text.includes('other') && each === 0 ? 1.5 : 0)
        return { last_hidden_state: { data, dims: [rows, tokens, 4] } }
      },
    }
  },
}`

export const MODEL: OnnxModel = { name: 'fake', dimensions: 4, maxTokens: 8, pooling: 'mean', shorter: [2] }

/** Writes a model's folder beside packages that stand in for ONNX Runtime and its tokenizer. */
export function fakeFolder({ model = 'weights', runtime = RUNTIME, web = false, installed = true } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'onnx-'))
  const modules = {
    '@huggingface/tokenizers': TOKENIZERS,
    'onnxruntime-node': runtime,
    ...(web && { 'onnxruntime-web': RUNTIME }),
  }
  for (const [name, text] of Object.entries(installed ? modules : {})) {
    mkdirSync(join(folder, 'node_modules', name), { recursive: true })
    writeFileSync(join(folder, 'node_modules', name, 'index.js'), text)
  }
  mkdirSync(join(folder, 'onnx'))
  writeFileSync(join(folder, 'onnx/model.onnx'), model)
  writeFileSync(join(folder, 'tokenizer.json'), tokenizerJson())
  return { folder, packagesFrom: folder, model: MODEL }
}

export const tokenizerJson = () =>
  JSON.stringify({
    truncation: { max_length: 3 },
    model: { vocab: WORDS },
    added_tokens: WORDS.slice(0, 3).map((_, id) => ({ id, special: true })),
  })
