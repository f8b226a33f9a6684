import { cpSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execute } from '../platforms/lab.ts'

/** The repository that this file is in. */
export const repository = fileURLToPath(new URL('../..', import.meta.url))

/** A copy of the repository with everything committed, its builds beside it, and the packages of the original. */
export type Copy = {
  folder: string
  /** Runs `npm run release` there. */
  release: (args: string[], env: Record<string, string>) => ReturnType<typeof execute>
}

export async function copyRepository(folder: string): Promise<Copy> {
  mkdirSync(folder)
  const git = async (args: string[], cwd: string) => {
    const { code, out, err } = await execute('git', args, cwd, {})
    if (code !== 0) throw new Error(`git ${args[0]}: ${err}`)
    return out
  }
  const listed = await git(['ls-files', '--cached', '--others', '--exclude-standard', '-z'], repository)
  const deleted = new Set((await git(['ls-files', '--deleted', '-z'], repository)).split('\0'))
  for (const name of listed.split('\0'))
    if (name !== '' && !deleted.has(name)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true })
      cpSync(join(repository, name), join(folder, name))
    }
  for (const name of ['gateway', 'ops', 'testing'])
    cpSync(join(repository, `packages/${name}/dist`), join(folder, `packages/${name}/dist`), {
      recursive: true,
    })
  await git(['init', '-q'], folder)
  await git(['add', '-A'], folder)
  const author = ['-c', 'user.name=test', '-c', 'user.email=test@example.com']
  await git([...author, 'commit', '-q', '-m', 'Copy'], folder)
  const program = join(repository, 'build/release/main.ts')
  return {
    folder,
    release: (args, env) => execute(process.execPath, [program, ...args], folder, env),
  }
}
