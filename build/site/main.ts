// Builds the documentation site from docs/ into site/: `npm run site`. Its generators are installed into a folder of their
// own, so that an installation of the project stays small.
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { withLinks } from './markdown.ts'
import { type Group, groupsOf } from './pages.ts'

/** VitePress renders the pages; TypeDoc writes those of the API from the docstrings. */
const GENERATORS = {
  vitepress: '1.6.4',
  typedoc: '0.28.20',
  'typedoc-plugin-markdown': '4.14.1',
  typescript: '6.0.3',
}

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: 'site' },
    base: { type: 'string', default: '/' },
    preview: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help) {
  console.log(`Builds the documentation site from docs/, README.md and the docstrings.

  npm run site -- [--out site] [--base /] [--preview]

  --out      folder of the site
  --base     path at which it is served, with a slash at both ends: /llm-gateway/
  --preview  serves it on http://localhost:4173 afterwards, until Ctrl-C`)
  process.exit(0)
}

const root = fileURLToPath(new URL('../..', import.meta.url))
const tools = join(root, 'node_modules/.cache/site')
const pages = join(tools, 'pages')
const out = resolve(values.out)

install()
const groups = groupsOf(root)
copyPages(groups)
writeApi()
configure(groups)
run('vitepress/bin/vitepress.js', ['build', '.', '--outDir', out, '--base', values.base])
console.log(`${count(out)} pages in ${values.out}/`)
if (values.preview)
  run('vitepress/bin/vitepress.js', ['preview', '.', '--outDir', out, '--base', values.base])

/** Installs the generators unless they are there in these versions. */
function install(): void {
  const manifest = `${JSON.stringify({ private: true, type: 'module', dependencies: GENERATORS }, undefined, 2)}\n`
  const file = join(tools, 'package.json')
  const isThere = existsSync(join(tools, 'node_modules/.package-lock.json'))
  if (isThere && readFileSync(file, 'utf8') === manifest) return
  mkdirSync(tools, { recursive: true })
  writeFileSync(file, manifest)
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error', '--prefer-offline']
  execFileSync('npm', ['install', ...quiet], { cwd: tools, stdio: 'inherit' })
}

function copyPages(groups: Group[]): void {
  rmSync(pages, { recursive: true, force: true })
  const { repository } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    repository: { url: string }
  }
  const host = repository.url.replace(/^git\+|\.git$/g, '')
  const home = { file: 'README.md', address: 'index' }
  for (const { file, address } of [home, ...groups.flatMap((group) => group.pages)]) {
    const to = join(pages, `${address}.md`)
    mkdirSync(dirname(to), { recursive: true })
    writeFileSync(to, withLinks(readFileSync(join(root, file), 'utf8'), file, host))
  }
  for (const name of readdirSync(join(root, 'docs')).filter((each) => each.endsWith('.svg')))
    cpSync(join(root, 'docs', name), join(pages, name))
}

/** Writes a page for each entry of the two packages that agents import. */
function writeApi(): void {
  const { exports } = JSON.parse(readFileSync(join(root, 'packages/gateway/package.json'), 'utf8')) as {
    exports: Record<string, unknown>
  }
  const entries = Object.keys(exports)
    .filter((name) => name !== './package.json')
    .map((name) => join(root, 'packages/gateway/dist', `${name === '.' ? 'index' : name.slice(2)}.d.ts`))
    .filter((file) => existsSync(file))
  const common = [
    ...[
      '--plugin',
      'typedoc-plugin-markdown',
      '--skipErrorChecking',
      '--readme',
      'none',
      '--logLevel',
      'Error',
    ],
    ...[
      '--entryFileName',
      'index',
      '--outputFileStrategy',
      'modules',
      '--hidePageHeader',
      '--hideBreadcrumbs',
    ],
    ...['--tsconfig', join(root, 'tsconfig.base.json'), '--disableSources'],
  ]
  const gateway = ['--name', '@hotdash/llm-gateway', '--basePath', join(root, 'packages/gateway/dist')]
  const testing = ['--name', '@hotdash/llm-gateway-testing']
  run('typedoc/bin/typedoc', [
    ...common,
    ...gateway,
    ...['--out', join(pages, 'api')],
    ...entries.flatMap((entry) => ['--entryPoints', entry]),
  ])
  run('typedoc/bin/typedoc', [
    ...common,
    ...testing,
    ...['--out', join(pages, 'api-testing')],
    ...['--entryPoints', join(root, 'packages/testing/dist/index.d.ts')],
  ])
}

function configure(groups: Group[]): void {
  const sidebar = [
    ...groups.map(({ title, pages }, at) => ({
      text: title,
      collapsed: at > 1,
      items: pages.map((page) => ({ text: page.title, link: `/${page.address}` })),
    })),
    {
      text: 'API',
      collapsed: true,
      items: [
        { text: '@hotdash/llm-gateway', link: '/api/' },
        { text: '@hotdash/llm-gateway-testing', link: '/api-testing/' },
      ],
    },
  ]
  mkdirSync(join(tools, '.vitepress'), { recursive: true })
  // The project's own one names a target that the generator's compiler does not know.
  writeFileSync(join(tools, 'tsconfig.json'), '{}\n')
  writeFileSync(
    join(tools, '.vitepress/config.mjs'),
    `import { anchorOf } from ${JSON.stringify(join(root, 'build/site/markdown.ts'))}
export default {
  srcDir: 'pages',
  title: 'HotDash LLM Gateway',
  description: 'An OpenAI client with cache, limits, routing and records',
  cleanUrls: false,
  lastUpdated: false,
  markdown: { anchor: { slugify: anchorOf }, toc: { slugify: anchorOf }, headers: { slugify: anchorOf } },
  themeConfig: {
    search: { provider: 'local' },
    outline: { level: [2, 3] },
    nav: [{ text: 'Policy', link: '/policy' }, { text: 'Options', link: '/options' }, { text: 'API', link: '/api/' }],
    sidebar: ${JSON.stringify(sidebar, undefined, 2)},
  },
}
`,
  )
}

function run(program: string, args: string[]): void {
  execFileSync(process.execPath, [join(tools, 'node_modules', program), ...args], {
    cwd: tools,
    stdio: 'inherit',
  })
}

function count(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.html'))
    .length
}
