import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type Locked, lockProblems } from '../build/dependencies/lock.ts'

const GOOD: Locked = { version: '1.0.0', integrity: 'sha512-abc', license: 'MIT' }

test.each<[string, Locked, string]>([
  ['no checksum', { ...GOOD, integrity: undefined as never }, 'has no SHA-512'],
  ['a weak checksum', { ...GOOD, integrity: 'sha1-abc' }, 'has no SHA-512'],
  [
    'a source without TLS',
    { ...GOOD, resolved: 'http://example.com/a.tgz' },
    'comes from http://example.com',
  ],
  ['a source that is a repository', { ...GOOD, resolved: 'git+ssh://git@example.com/a' }, 'comes from git'],
  ['a licence that binds its users', { ...GOOD, license: 'AGPL-3.0' }, 'its licence is AGPL-3.0'],
  ['an install script', { ...GOOD, hasInstallScript: true }, 'runs a program'],
  ['one of the development', { ...GOOD, dev: true, hasInstallScript: true }, 'runs a program'],
])('%s is a fault', (_, locked, problem) => {
  expect(lockProblems({ 'node_modules/a': locked }).join('\n')).toContain(problem)
})

test('the lock file of this repository has none', () => {
  const { packages } = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8')) as {
    packages: Record<string, Locked>
  }
  expect(lockProblems(packages)).toEqual([])
  expect(lockProblems({ 'node_modules/a': GOOD, 'packages/b': {} })).toEqual([])
})
