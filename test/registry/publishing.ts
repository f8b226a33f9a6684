import { doesNotMatch, equal, match } from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execute, openLab } from '../platforms/lab.ts'
import { type Copy, repository } from './copy.ts'
import type { PrivateRegistry } from './verdaccio.ts'

const NAMES = ['@hotdash/llm-gateway', '@hotdash/llm-gateway-ops', '@hotdash/llm-gateway-testing']

type Setting = { registry: PrivateRegistry; copy: Copy; root: string }
type Case = { name: string; run: (setting: Setting) => Promise<void> }

/** Asks the registry itself which of the packages it has. */
async function published({ url, token }: PrivateRegistry): Promise<string[]> {
  const found = await Promise.all(
    NAMES.map(async (name) => {
      const headers = { authorization: `Bearer ${token}` }
      const response = await fetch(`${url}${name.replace('/', '%2f')}`, { headers })
      if (!response.ok) return []
      const { versions } = (await response.json()) as { versions: Record<string, unknown> }
      return Object.keys(versions).map((version) => `${name}@${version}`)
    }),
  )
  return found.flat()
}

/** What users write into .npmrc, as docs/publishing says. */
export const npmrcFor = ({ url }: PrivateRegistry): string =>
  `@hotdash:registry=${url}\n${url.replace('http:', '')}:_authToken=\${HOTDASH_NPM_TOKEN}\n`

const settings = ({ url, token }: PrivateRegistry) => ({ RELEASE_REGISTRY: url, RELEASE_TOKEN: token })

const refusedPublish = async (
  { copy, registry }: Setting,
  env: Record<string, string>,
  reason: RegExp,
): Promise<void> => {
  const before = await published(registry)
  const { code, out } = await copy.release(['--publish'], env)
  match(out, reason)
  equal(code, 1)
  equal((await published(registry)).length, before.length)
}

/** In this order: each finds the registry as the ones before left it. */
export const publishing: Case[] = [
  {
    name: 'npm publish without a token is refused by the registry',
    async run({ registry, copy }) {
      const { code, err } = await execute('npm', ['publish'], join(copy.folder, 'packages/testing'), {
        'npm_config_@hotdash:registry': registry.url,
      })
      equal(code, 1)
      match(err, /ENEEDAUTH|E401/)
      equal((await published(registry)).length, 0)
    },
  },
  {
    name: 'release: a dry run shows packages and sizes, and publishes nothing',
    async run({ registry, copy }) {
      const { code, out, err } = await copy.release([], settings(registry))
      for (const name of NAMES) match(out, new RegExp(`${name} +[\\d.]+ +\\d+ kB +\\d+ kB +\\d+`))
      match(out, /Checked: .*\n.*npm audit of .*\n[\s\S]*Dry run: nothing was published/)
      doesNotMatch(out, /Faults|would be refused/)
      equal(code, 0, err)
      equal((await published(registry)).length, 0)
    },
  },
  {
    name: 'release --publish is refused without a registry',
    run: (setting) => refusedPublish(setting, {}, /Refused:\n.*No registry is configured/),
  },
  {
    name: 'release --publish is refused without a token',
    run: (setting) =>
      refusedPublish(setting, { RELEASE_REGISTRY: setting.registry.url }, /Refused:\n.*there is no token/),
  },
  {
    name: 'release --publish is refused with a wrong token',
    run: (setting) =>
      refusedPublish(
        setting,
        { RELEASE_REGISTRY: setting.registry.url, RELEASE_TOKEN: 'wrong' },
        /Refused:\n.*does not accept the token/,
      ),
  },
  {
    name: 'release --publish is refused where something is not committed',
    async run(setting) {
      const file = join(setting.copy.folder, 'left-over.txt')
      writeFileSync(file, '')
      await refusedPublish(setting, settings(setting.registry), /Refused:\n.*Not committed: left-over\.txt/)
      rmSync(file)
    },
  },
  {
    name: 'release --publish publishes the three packages',
    async run({ registry, copy }) {
      const { code, out, err } = await copy.release(['--publish'], settings(registry))
      equal(code, 0, `${out}${err}`)
      equal((await published(registry)).length, NAMES.length)
    },
  },
  {
    name: 'release --publish is refused for a version that is there',
    run: (setting) =>
      refusedPublish(setting, settings(setting.registry), /Refused:\n.*@\S+ is published already/),
  },
  {
    name: 'npm install is refused without a token, and with a wrong one',
    async run({ registry, root }) {
      const folder = join(root, 'no-token')
      mkdirSync(folder)
      writeFileSync(join(folder, 'package.json'), '{"private":true}')
      writeFileSync(join(folder, '.npmrc'), npmrcFor(registry))
      for (const token of ['', 'wrong']) {
        const { code, err } = await execute('npm', ['install', NAMES[0] ?? ''], folder, {
          HOTDASH_NPM_TOKEN: token,
        })
        equal(code, 1)
        match(err, /E401|E403/)
      }
    },
  },
  {
    name: 'with this registry for all packages, it brings the others; the command writes and explains a policy',
    async run({ registry, root }) {
      const { run } = await openLab(root, 'proxy', undefined, {
        packages: { '@hotdash/llm-gateway-ops': 'latest' },
        fixtures: [],
        npmrc: `registry=${registry.url}\n${npmrcFor(registry)}`,
        env: { HOTDASH_NPM_TOKEN: registry.token },
      })
      for (const words of ['init', 'validate policy.json', 'explain --policy policy.json --agent my-agent']) {
        const { code, err } = await run('llm-gateway', ['policy', ...words.split(' ')])
        equal(code, 0, err)
      }
      const { out } = await run('llm-gateway', ['policy', '--help'])
      const page = /^Details: (.*)$/m.exec(out)?.[1] ?? ''
      equal(existsSync(page), true, page)
    },
  },
  {
    name: "the README's first five minutes, from an empty folder",
    async run({ registry, root }) {
      const lab = await openLab(root, 'five-minutes', undefined, {
        packages: {
          '@hotdash/llm-gateway': 'latest',
          '@hotdash/llm-gateway-testing': 'latest',
          openai: '7.59.0',
        },
        fixtures: [],
        type: 'commonjs',
        npmrc: npmrcFor(registry),
        env: { HOTDASH_NPM_TOKEN: registry.token },
      })
      for (const page of ['README.md', 'packages/gateway/README.md']) {
        const text = readFileSync(join(repository, page), 'utf8')
        lab.write('first.mjs', /^```js\n(\/\/ first\.mjs.*?)^```/ms.exec(text)?.[1] ?? '')
        const { code, out, err } = await lab.run('node', ['first.mjs'])
        equal(code, 0, err)
        match(out, /miss[\s\S]*exact/, page)
        equal(err, '')
      }
    },
  },
]
