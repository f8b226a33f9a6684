import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { hotdashPolicy } from '@hotdash/llm-gateway'
import { describe, expect, test } from 'vitest'
import { helpWords } from '../packages/ops/src/cli/help-words.ts'
import { commands as table } from '../packages/ops/src/commands.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const bin = join(root, 'packages/ops/bin/llm-gateway.js')
const pages = [
  ...[
    'README.md',
    'AGENTS.md',
    'CHANGELOG.md',
    'packages/gateway/README.md',
    'packages/ops/README.md',
    'packages/testing/README.md',
  ],
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map((name) => `docs/${name}`),
].filter((name) => name.endsWith('.md'))
const read = (name: string) => readFileSync(join(root, name), 'utf8')

/** Returns the code of a page: fenced lines, and spans. */
function codeIn(page: string): string[] {
  const fenced = [...page.matchAll(/^ *```\w*\n(.*?)^ *```/gms)].flatMap(([, text = '']) => text.split('\n'))
  const spans = [...page.replace(/^ *```.*?^ *```/gms, '').matchAll(/`([^`\n]+)`/g)].map(
    ([, text = '']) => text,
  )
  return [...fenced, ...spans]
}

type Mention = { page: string; words: string[] }

/** `llm-gateway …` in code, by words, up to a comment, a pipe, a quotation mark, or the command that it runs itself. */
const mentions: Mention[] = pages.flatMap((page) =>
  codeIn(read(page)).flatMap((line) =>
    [...line.matchAll(/(?:^|[\s;])llm-gateway (?=[a-z-])((?:(?! -- )[^#|"`'])*)/g)].map(([, call = '']) => ({
      page,
      words: call.trim().split(/\s+/),
    })),
  ),
)

function help(command: string): string | undefined {
  const { status, stdout } = spawnSync(process.execPath, [bin, command, '--help'], { encoding: 'utf8' })
  return status === 0 ? stdout : undefined
}

describe('every command on the pages', () => {
  const commands = [...new Set(mentions.map(({ words }) => words[0] ?? ''))]
  const helps = new Map(commands.map((command) => [command, help(command)]))

  test('is one of the program, and each of the program is on some page', () => {
    expect(commands.filter((command) => command !== 'help' && !command.startsWith('-')).toSorted()).toEqual(
      Object.keys(table).toSorted(),
    )
  })

  test.each(commands)('llm-gateway %s exists, with every option and subcommand on the pages', (command) => {
    const said = helps.get(command)
    if (said === undefined) throw new Error(`there is no command ${command}`)
    const { options, subcommands } = helpWords(said)
    const known = new Set(
      options.flatMap(({ name, short }) => [name, short ?? name, name.replace(/^--(no-)?/, '--no-')]),
    )
    for (const { page, words } of mentions.filter(({ words }) => words[0] === command)) {
      const [, ...rest] = words
      const given = rest.filter((word) => /^--?[a-z]/.test(word) && word !== '--help' && word !== '-h')
      for (const option of given)
        expect([...known], `${page}: ${words.join(' ')}`).toContain(option.split('=')[0])
      const [sub] = rest
      if (subcommands.length > 0 && sub !== undefined && /^[a-z]+$/.test(sub))
        expect(
          subcommands.map(({ name }) => name),
          `${page}: ${words.join(' ')}`,
        ).toContain(sub)
    }
  })

  test('each subcommand of the program is on some page', () => {
    const all = [...helps].flatMap(([command, said = '']) =>
      helpWords(said).subcommands.map(({ name }) => `${command} ${name}`),
    )
    const shown = new Set(mentions.map(({ words: [command = '', sub = ''] }) => `${command} ${sub}`))
    expect(all.filter((one) => !shown.has(one))).toEqual([])
  })
})

/** Code that reads the environment, or passes it on. */
const sources = ['packages', 'test', 'examples']
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
  )
  .filter(
    (name) =>
      /\.(ts|py|sh|sql|toml|yml|yaml)$|\/secrets\.json$/.test(name) &&
      !/node_modules|\bdist\b|docs\.test/.test(name),
  )
  .map(read)
  .join('\n')

test('every environment variable on the pages is read somewhere', () => {
  const names = new Map<string, string>()
  for (const page of pages)
    for (const [name] of read(page).matchAll(
      /\b(LLM_GATEWAY|LITELLM|LANGFUSE|SUPABASE|OPENAI|OTEL|REDIS|TEST)_[A-Z_]*[A-Z]\b/g,
    ))
      names.set(name, page)
  const unknown = [...names].filter(([name]) => !new RegExp(`\\b${name}\\b`).test(sources))
  expect(unknown).toEqual([])
})

test('every script on the pages is in package.json', () => {
  const scriptsOf = (file: string) => (JSON.parse(read(file)) as { scripts: Record<string, string> }).scripts
  const asked = pages.flatMap((page) =>
    codeIn(read(page)).flatMap((line) =>
      [...line.matchAll(/npm run ([a-z:]+)(?: -w (\S+))?/g)].map(([, name = '', folder]) => ({
        name,
        folder,
      })),
    ),
  )
  const unknown = asked.filter(
    ({ name, folder }) =>
      !(name in scriptsOf(folder === undefined ? 'package.json' : `${folder}/package.json`)),
  )
  expect(unknown).toEqual([])
})

/** Returns GitHub's anchor of a heading. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[`*]/g, '')
    .replace(/[^\w\s-]/g, '')
    .trim()
    .replace(/\s/g, '-')

test('every link on the pages leads somewhere', () => {
  const broken: string[] = []
  for (const page of pages)
    for (const [, target = ''] of read(page).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
      const [path = '', anchor] = target.split('#')
      const file = path === '' ? page : relative(root, join(root, dirname(page), path))
      if (!existsSync(join(root, file))) broken.push(`${page}: ${target}`)
      else if (anchor !== undefined && file.endsWith('.md')) {
        const headings = [...read(file).matchAll(/^#+ (.+)$/gm)].map(([, text = '']) => anchorOf(text))
        if (!headings.includes(anchor)) broken.push(`${page}: ${target}`)
      }
    }
  expect(broken).toEqual([])
})

test('each page of an SDK shows the file that its test runs, and each such file has a page', () => {
  const names = readdirSync(join(root, 'examples/sdks')).map((name) => name.replace(/\.ts$/, ''))
  expect(names.length).toBeGreaterThan(0)
  for (const name of names)
    expect(read(`docs/sdks/${name}.md`)).toContain(`\`\`\`ts\n${read(`examples/sdks/${name}.ts`)}\`\`\``)
})

test('every page begins with its title, its purpose, and an example within 15 lines', () => {
  const guides = pages.filter((page) => !['CHANGELOG.md', 'docs/glossary.md'].includes(page))
  for (const page of guides) {
    const [title = '', blank, purpose = '', ...rest] = read(page).split('\n')
    expect(title, page).toMatch(/^# \S/)
    expect(blank, page).toBe('')
    expect(purpose, page).toMatch(/^[A-Z`]/)
    expect(
      rest.slice(0, 12).some((line) => line.startsWith('```')),
      page,
    ).toBe(true)
  }
})

const spansIn = (text: string) => [...text.matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span)

describe('every path on the pages exists', () => {
  const tables = read('AGENTS.md').split('## To change')[1]?.split('\n## ')[0] ?? ''
  const rows = tables
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| to change |'))
    .map((line) => line.split(' | ').slice(1).join(' | '))

  test('in the tables of AGENTS.md, from the root of the repository', () => {
    expect(rows.length).toBeGreaterThan(50)
    const paths = rows.flatMap(spansIn).filter((span) => span.includes('/') && !/\s/.test(span))
    expect(rows.filter((row) => spansIn(row).length === 0)).toEqual([])
    expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([])
  })

  test('in the other parts of AGENTS.md, from the root or from packages/gateway/src', () => {
    const paths = spansIn(read('AGENTS.md').replace(tables, '')).filter((span) =>
      /^[\w/.-]+\/[\w.-]*$/.test(span),
    )
    const gone = paths.filter((path) =>
      ['', 'packages/gateway/src'].every((base) => !existsSync(join(root, base, path))),
    )
    expect(gone).toEqual([])
  })

  test('below packages/, test/ and examples/, on every page', () => {
    const gone = pages.flatMap((page) =>
      spansIn(read(page))
        .filter((span) => /^(packages|test|examples)\/[\w/.-]+$/.test(span) && !existsSync(join(root, span)))
        .map((span) => `${page}: ${span}`),
    )
    expect(gone).toEqual([])
  })

  test('of tests, by their names', () => {
    const names = ['packages', 'test'].flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.test.ts') && !name.includes('node_modules'))
        .map((name) => `/${folder}/${name.replaceAll('\\', '/')}`),
    )
    const gone = pages.flatMap((page) =>
      spansIn(read(page))
        .filter(
          (span) => /^[\w/.-]+\.test\.ts$/.test(span) && !names.some((name) => name.endsWith(`/${span}`)),
        )
        .map((span) => `${page}: ${span}`),
    )
    expect(gone).toEqual([])
  })
})

test("the cutover has every agent of HotDash's policy, with its team and its limits", () => {
  const page = read('docs/cutover.md')
  const number = (value: number) => value.toLocaleString('en-US')
  for (const [team, { agents, rpm, tpm, usdPerDay }] of Object.entries(hotdashPolicy.teams)) {
    const limits = `${number(rpm)}, ${number(tpm)}, ${usdPerDay}`
    if (team === 'admin') {
      expect(page).toContain(`Team \`admin\` (${limits})`)
      continue
    }
    expect(page).toContain(`\`${team}\` (${limits})`)
    for (const agent of agents)
      expect(page).toMatch(
        new RegExp(`^\\| \`${agent}\` \\| \`${team}\`.*LLM_GATEWAY_AGENT=${agent}\\b`, 'm'),
      )
  }
})
