import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { hotdashPolicy } from '@hotdash/llm-gateway'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const bin = join(root, 'packages/ops/bin/llm-gateway.js')
const pages = [
  ...['README.md', 'AGENTS.md', 'packages/testing/README.md'],
  ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`),
].filter((name) => name.endsWith('.md'))
const read = (name: string) => readFileSync(join(root, name), 'utf8')

/** What stands in code, on the page: fenced lines, and spans. */
function codeIn(page: string): string[] {
  const fenced = [...page.matchAll(/^ *```\w*\n(.*?)^ *```/gms)].flatMap(([, text = '']) => text.split('\n'))
  const spans = [...page.replace(/^ *```.*?^ *```/gms, '').matchAll(/`([^`\n]+)`/g)].map(
    ([, text = '']) => text,
  )
  return [...fenced, ...spans]
}

type Mention = { page: string; words: string[] }

/** `llm-gateway …` in code, by words; what is after a comment, a pipe or a quotation mark is another matter. */
const mentions: Mention[] = pages.flatMap((page) =>
  codeIn(read(page)).flatMap((line) => {
    const call = /(?:^|[\s;])llm-gateway (?=[a-z-])([^#|"`']*)/.exec(line)?.[1]
    return call === undefined ? [] : [{ page, words: call.trim().split(/\s+/) }]
  }),
)

function help(command: string): string | undefined {
  const { status, stdout } = spawnSync(process.execPath, [bin, command, '--help'], { encoding: 'utf8' })
  return status === 0 ? stdout : undefined
}

// Their first word is one of several.
const WITH_SUBCOMMANDS = ['policy', 'switch', 'keys']

describe('every command on the pages', () => {
  const commands = [...new Set(mentions.map(({ words }) => words[0] ?? ''))]
  const helps = new Map(commands.map((command) => [command, help(command)]))

  test('there are some', () => {
    expect(commands).toEqual(expect.arrayContaining(['serve', 'litellm-config', 'switch', 'policy']))
  })

  test.each(commands)('llm-gateway %s exists, with all that is said of it', (command) => {
    const said = helps.get(command)
    if (said === undefined) throw new Error(`there is no command ${command}`)
    for (const { page, words } of mentions.filter(({ words }) => words[0] === command)) {
      const [, ...rest] = words
      const options = rest.filter((word) => word.startsWith('--') && word !== '--help')
      for (const option of options)
        expect(said, `${page}: ${words.join(' ')}`).toContain(option.split('=')[0])
      // Of a command with subcommands the first word is one, as in `switch mode direct`.
      const [sub] = rest
      if (WITH_SUBCOMMANDS.includes(command) && sub !== undefined && /^[a-z]+$/.test(sub))
        expect(said, `${page}: ${words.join(' ')}`).toMatch(new RegExp(`\\b${sub}\\b`))
    }
  })
})

/** Everything that reads the environment, or hands it to somebody who does. */
const sources = ['packages', 'test', 'examples']
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
  )
  .filter(
    (name) => /\.(ts|py|sh|sql|toml|yml|yaml)$/.test(name) && !/node_modules|\bdist\b|docs\.test/.test(name),
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
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  const asked = pages.flatMap((page) =>
    codeIn(read(page)).flatMap((line) =>
      [...line.matchAll(/npm run ([a-z:]+)/g)].map(([, name = '']) => name),
    ),
  )
  expect([...new Set(asked)].filter((name) => !(name in scripts))).toEqual([])
})

/** As GitHub makes them of a heading. */
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
