import { readdirSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

describe.each(['gateway', 'testing'])('dist of packages/%s', (name) => {
  const folder = here(`../packages/${name}/dist/`)
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  const read = (file: string) => readFileSync(folder + file, 'utf8')
  const code = files.filter((file) => /\.c?js$/.test(file) && file !== 'o200k-ranks.cjs')

  test('modules of Node keep the prefix node:', () => {
    const bare = new RegExp(`(?:from |require\\(|import\\()"(?:${builtinModules.join('|')})"`)
    expect(code.filter((file) => bare.test(read(file)))).toEqual([])
  })

  test('functions that old versions of Node lack are imported by no name: such a program ends with a SyntaxError', () => {
    const byName = /import \{[^}]*\b(?:hash|crc32|getBuiltinModule)\b[^}]*\} from "node:/
    expect(code.filter((file) => name === 'gateway' && byName.test(read(file)))).toEqual([])
  })

  test('source maps hold no sources', () => {
    const maps = files.filter((file) => file.endsWith('.map'))
    expect(maps.length).toBeGreaterThan(0)
    expect(maps.filter((file) => 'sourcesContent' in JSON.parse(read(file)))).toEqual([])
  })

  test('CommonJS has no import(), which Jest refuses', () => {
    const withImport = /[^.\w"'`]import\(/
    expect(code.filter((file) => file.endsWith('.cjs') && withImport.test(read(file)))).toEqual([])
  })

  test('optional packages are named in no import that a bundler would follow', () => {
    const followed = /(?:from |require\(|import\()"(?:@energetic-ai\/|@huggingface\/|onnxruntime|usearch)/
    expect(code.filter((file) => followed.test(read(file)))).toEqual([])
  })

  test('the licences of what it contains are in it', () => {
    expect(read('licences.txt')).toContain('gpt-tokenizer')
  })
})
