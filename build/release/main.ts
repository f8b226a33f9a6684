// Shows what a release would publish, and publishes it with `--publish`. Run by `npm run release`, after a build.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { release } from './release.ts'

const HELP = `npm run release: shows what would be published; with --publish, publishes it.

  npm run release
  npm run release -- --publish

  --publish      publishes the packages, each after those it depends on
  --tag NAME     the tag that installations without a version follow  (latest; next for 1.0.0-rc.1 and the like)
  --out FOLDER   where tarballs and bills of materials go             (.release)

RELEASE_REGISTRY   address of the registry         (@hotdash:registry of npm's configuration)
RELEASE_TOKEN      token for it                    (that of npm's configuration, for example ~/.npmrc)

Refuses to publish a tree with changes that are not committed, a version that the registry has, and to publish without
a token. Pages: docs/publishing/. Exit codes: 0 done, 1 refused or a package is faulty, 2 usage error.`

async function main(): Promise<number> {
  let values: { publish: boolean; tag?: string; out: string; help: boolean }
  try {
    values = parseArgs({
      options: {
        publish: { type: 'boolean', default: false },
        tag: { type: 'string' },
        out: { type: 'string', default: '.release' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${HELP}`)
    return 2
  }
  if (values.help) {
    console.log(HELP)
    return 0
  }
  const root = process.cwd()
  return await release({ root, publishes: values.publish, out: join(root, values.out), tag: values.tag })
}

process.exitCode = await main()
