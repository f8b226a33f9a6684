import { expect, test } from 'vitest'
import { litellmSettingsOf } from './options.ts'

const of = (
  mode: 'embedded' | 'litellm' | 'direct',
  env: NodeJS.ProcessEnv,
  given?: Parameters<typeof litellmSettingsOf>[1],
) => litellmSettingsOf(mode, given, env.LLM_GATEWAY_KEY, env)

test('the environment alone puts a client behind the proxy, under the team key', () => {
  const env = { LITELLM_BASE_URL: 'http://proxy:4000/', LLM_GATEWAY_KEY: 'sk-team' }
  expect(of('litellm', env)).toMatchObject({
    base: 'http://proxy:4000/v1',
    apiKey: 'sk-team',
  })
  expect(of('litellm', { ...env, LITELLM_API_KEY: 'sk-own' })?.apiKey).toBe('sk-own')
  expect(of('embedded', env)?.apiKey).toBe('sk-team')
  expect(of('direct', env)).toBeUndefined()
})

test('an address with a path of its own is left as it is', () => {
  for (const base of ['http://proxy/v1', 'https://example.com/litellm'])
    expect(of('litellm', { LITELLM_BASE_URL: `${base}/`, LITELLM_API_KEY: 'k' })?.base).toBe(base)
})

test('what is missing is named, where a proxy is asked for', () => {
  expect(() => of('litellm', {})).toThrow(/LITELLM_BASE_URL/)
  expect(() => of('litellm', { LITELLM_BASE_URL: 'http://proxy' })).toThrow(/LITELLM_API_KEY/)
  expect(() => of('litellm', { LITELLM_BASE_URL: 'proxy', LITELLM_API_KEY: 'k' })).toThrow(
    /LITELLM_BASE_URL: must be/,
  )
  expect(() => of('embedded', {}, {})).toThrow(/baseURL/)
})

test('an embedded client falls back on nothing unless there is an address and a key', () => {
  expect(of('embedded', {})).toBeUndefined()
  expect(of('embedded', { LITELLM_BASE_URL: 'http://proxy' })).toBeUndefined()
  expect(of('embedded', { LITELLM_BASE_URL: 'http://proxy', LITELLM_API_KEY: 'k' }, false)).toBeUndefined()
})
