import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { problemsOf } from '../build/release/inspect.ts'
import { bundledPackages, licenceProblems } from '../build/release/licences.ts'
import { publishedPackages, readManifest } from '../build/release/packages.ts'
import { registryOf } from '../build/release/registry.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const modules = join(root, 'node_modules')

const GOOD = {
  ...readManifest(root),
  ...{ private: undefined, workspaces: undefined, scripts: { build: 'tsup' } },
  ...{ dependencies: undefined, devDependencies: undefined },
  name: '@hotdash/sample',
  version: '1.0.0',
  description: 'A sample',
  keywords: ['sample'],
  repository: { type: 'git', url: readManifest(root).repository?.url, directory: 'packages/sample' },
  publishConfig: { access: 'restricted' },
  type: 'module',
  exports: './index.js',
  files: ['index.js', 'dist'],
}

/** Makes a package as it would be unpacked, and returns what is wrong with it. */
async function problemsWith(manifest: object, files: Record<string, string> = {}): Promise<string[]> {
  const unpacked = mkdtempSync(join(tmpdir(), 'gateway-release-'))
  onTestFinished(() => rmSync(unpacked, { recursive: true }))
  const all = {
    'package.json': JSON.stringify({ ...GOOD, imports: undefined, overrides: undefined, ...manifest }),
    'README.md': '# Sample',
    LICENSE: readFileSync(join(root, 'LICENSE'), 'utf8'),
    'index.js': 'export const one = 1\n',
    ...files,
  }
  mkdirSync(join(unpacked, 'dist'))
  for (const [name, text] of Object.entries(all)) if (text !== '') writeFileSync(join(unpacked, name), text)
  return await problemsOf({ tarball: '', unpacked, root, modules })
}

const mapOf = (name: string) => JSON.stringify({ sources: [`../../../node_modules/${name}/index.js`] })

test('a package without faults has no problems', async () => {
  expect(await problemsWith({})).toEqual([])
})

test.each<[string, object, Record<string, string>, string]>([
  ['a script at installation', { scripts: { postinstall: 'node x.js' } }, {}, 'has a script postinstall'],
  ['a script before publishing', { scripts: { prepare: 'husky' } }, {}, 'has a script prepare'],
  ['a native build', {}, { 'binding.gyp': '{}' }, 'has binding.gyp'],
  ['public access', { publishConfig: { access: 'public' } }, {}, 'publishConfig.access "restricted"'],
  ['no access', { publishConfig: undefined }, {}, 'publishConfig.access "restricted"'],
  [
    'a registry',
    { publishConfig: { access: 'restricted', registry: 'https://registry.example/' } },
    {},
    'names a registry',
  ],
  ['no README', {}, { 'README.md': '' }, 'has no README.md'],
  ['another licence', {}, { LICENSE: 'MIT' }, "has not the workspace's LICENSE"],
  ['another license field', { license: 'MIT' }, {}, 'another license'],
  ['no keywords', { keywords: [] }, {}, 'no keywords'],
  ['no directory', { repository: GOOD.repository.url }, {}, 'another repository'],
  ['another homepage', { homepage: 'https://example.com' }, {}, 'another homepage'],
  ['an entry that is not there', { exports: './gone.js' }, {}, 'publint: '],
  [
    'bundled code whose licence is not listed',
    {},
    { 'dist/a.js.map': mapOf('zod') },
    'contains zod, which dist/licences.txt does not list',
  ],
])('%s is a fault', async (_, manifest, files, problem) => {
  const problems = await problemsWith(manifest, files)
  expect(
    problems.some((each) => each.includes(problem)),
    problems.join('\n'),
  ).toBe(true)
})

test('bundled code whose licence is listed is no fault', async () => {
  const files = { 'dist/a.js.map': mapOf('zod'), 'dist/licences.txt': 'Parts:\n\nzod\n\nMIT' }
  expect(await problemsWith({}, files)).toEqual([])
})

test('the source maps tell which packages a build contains', () => {
  expect(bundledPackages(join(root, 'packages/gateway'))).toEqual(['gpt-tokenizer', 'lru-cache', 'zod'])
})

test.each(['gateway', 'ops', 'testing'])(
  'dist of packages/%s lists the licences of all it contains',
  (name) => {
    expect(licenceProblems(join(root, `packages/${name}/dist`), join(root, 'node_modules'))).toEqual([])
  },
)

test('each package comes after those that it depends on, and private ones not at all', () => {
  const names = publishedPackages(root).map(({ manifest }) => manifest.name)
  expect(names.toSorted()).toEqual([
    '@hotdash/llm-gateway',
    '@hotdash/llm-gateway-ops',
    '@hotdash/llm-gateway-testing',
  ])
  expect(names.indexOf('@hotdash/llm-gateway')).toBeLessThan(names.indexOf('@hotdash/llm-gateway-ops'))
})

test('the registry is that of the environment; its token reaches npm as a variable of that registry', async () => {
  const env = { RELEASE_REGISTRY: 'https://npm.example/team', RELEASE_TOKEN: 'a' }
  expect(await registryOf(root, env)).toEqual({
    url: 'https://npm.example/team/',
    env: {
      'npm_config_@hotdash:registry': 'https://npm.example/team/',
      'npm_config_//npm.example/team/:_authToken': 'a',
    },
  })
})

test.each([
  ['http://npm.example', 'must have an https address'],
  ['npm.example', 'is no address'],
])('the registry %s is refused', async (address, message) => {
  await expect(registryOf(root, { RELEASE_REGISTRY: address })).rejects.toThrow(message)
})
