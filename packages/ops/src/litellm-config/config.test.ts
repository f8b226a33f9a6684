import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { runs } from '../../../../test/runs.ts'
import { configYaml } from './config.ts'

/** As LiteLLM reads it: PyYAML speaks YAML 1.1, where a number with an exponent but no dot is a string. */
const parsed = (yaml: string) =>
  parse(yaml, { version: '1.1' }) as {
    model_list: { model_name: string; litellm_params: Record<string, unknown> }[]
    litellm_settings: Record<string, unknown>
  }

const name = fc.string({ unit: 'binary', minLength: 1 }).filter((text) => text !== '__proto__')
const usd = fc.double({ min: 0, max: 1_000, noNaN: true })

test('names and prices come back as they were, whatever is in them', () => {
  fc.assert(
    fc.property(fc.dictionary(name, fc.record({ input: usd, output: usd }), { minKeys: 1 }), (models) => {
      const yaml = configYaml({ models }, 'file')
      const found = parsed(yaml).model_list
      expect(found.map(({ model_name }) => model_name)).toEqual(Object.keys(models))
      for (const [at, { input, output }] of Object.values(models).entries()) {
        const { input_cost_per_token, output_cost_per_token } = found[at]?.litellm_params ?? {}
        expect(input_cost_per_token).toBeCloseTo(input / 1e6, 12)
        expect(output_cost_per_token).toBeCloseTo(output / 1e6, 12)
      }
      expect(yaml).not.toMatch(/cost_per_token: [\d.]*e/i)
    }),
    { numRuns: runs(100) },
  )
})

test('a name in a comment never ends the comment', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('\n', '\r', '\u0085', '\u2028', '\u2029', ':', '#', 'a') }),
      (fallback) => {
        const yaml = configYaml({ routing: { fallback, escalate: { above: 1, to: fallback } } }, 'database')
        for (const line of yaml
          .split(/[\n\r\u0085\u2028\u2029]/)
          .filter((line) => /themselves|context_/.test(line)))
          expect(line).toMatch(/^ *#/)
        expect(parsed(yaml).litellm_settings.num_retries).toBe(0)
      },
    ),
    { numRuns: runs(100) },
  )
})

test('each section follows a blank line, and the router explains itself at its end', () => {
  const yaml = configYaml({ routing: { fallback: 'gpt-4o' } }, 'database')
  for (const section of ['model_list', 'litellm_settings', 'router_settings', 'general_settings'])
    expect(yaml).toMatch(new RegExp(`\\n\\n${section}:`))
  expect(yaml).toMatch(/REDIS_PASSWORD"\n {2}# On failure the clients call "gpt-4o" themselves/)
})
