import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../test/runs.ts'
import { withoutSecrets } from './secrets.ts'

const LOWER = 'abcdefghijklmnopqrstuvwxyz'
const UPPER = LOWER.toUpperCase()
const DIGITS = '0123456789'
const ALNUM = LOWER + UPPER + DIGITS
const WORD = `${ALNUM}_-`
const HEX = `${DIGITS}abcdef`
const BASE64 = `${ALNUM}+/`

const run = (letters: string, min: number, max = min) =>
  fc.string({ unit: fc.constantFrom(...letters), minLength: min, maxLength: max })
const form = (...parts: (string | fc.Arbitrary<string>)[]) =>
  fc
    .tuple(...parts.map((part) => (typeof part === 'string' ? fc.constant(part) : part)))
    .map((parts) => parts.join(''))
const of = (...texts: string[]) => fc.constantFrom(...texts)

/** Forms as gitleaks lists them, and those of services that it does not: written down apart from the expressions. */
const FORMS: Record<string, fc.Arbitrary<string>> = {
  'OpenAI, of a project': form(
    'sk-',
    of('proj', 'svcacct', 'admin'),
    '-',
    run(WORD, 74),
    'T3BlbkFJ',
    run(WORD, 74),
  ),
  'OpenAI, of a user': form('sk-', run(ALNUM, 20), 'T3BlbkFJ', run(ALNUM, 20)),
  Anthropic: form('sk-ant-', of('api03', 'admin01'), '-', run(WORD, 93), 'AA'),
  OpenRouter: form('sk-or-v1-', run(HEX, 64)),
  'Langfuse, secret': form('sk-lf-', run(HEX, 8), '-', run(HEX, 4), '-', run(HEX, 12)),
  'a team key': form('gwk-', run(WORD, 43)),
  'Supabase, secret': form('sb_secret_', run(WORD, 30)),
  'Supabase, personal': form('sbp_', run(HEX, 40)),
  Groq: form('gsk_', run(ALNUM, 52)),
  xAI: form('xai-', run(ALNUM, 80)),
  Replicate: form('r8_', run(ALNUM, 37)),
  Perplexity: form('pplx-', run(ALNUM, 48)),
  'Hugging Face': form(of('hf_', 'api_org_'), run(LOWER + UPPER, 34)),
  'Google, API key': form('AIza', run(WORD, 35)),
  'Google, client secret': form('GOCSPX-', run(WORD, 28)),
  'AWS, access key': form(of('AKIA', 'ASIA', 'ABIA', 'ACCA', 'A3TX'), run(`${UPPER}234567`, 16)),
  'AWS, Bedrock': form('ABSK', run(BASE64, 109, 269)),
  'Azure, storage': form('AccountKey=', run(BASE64, 86), '=='),
  'Azure, client secret': form(run(ALNUM, 3), run(DIGITS, 1), 'Q~', run(`${ALNUM}_~.-`, 34)),
  Alibaba: form('LTAI', run(ALNUM, 20)),
  DigitalOcean: form(of('doo', 'dop', 'dor'), '_v1_', run(HEX, 64)),
  Databricks: form('dapi', run(HEX, 32)),
  'GitHub, classic': form(of('ghp', 'gho', 'ghu', 'ghs', 'ghr'), '_', run(ALNUM, 36)),
  'GitHub, fine-grained': form('github_pat_', run(`${ALNUM}_`, 82)),
  'GitLab, personal': form('glpat-', run(WORD, 20)),
  'GitLab, routable': form('glpat-', run(WORD, 27, 300), '.', run(HEX, 9)),
  'GitLab, job': form('glcbt-', run(ALNUM, 1, 5), '_', run(WORD, 20)),
  'GitLab, others': form(of('gldt-', 'glft-', 'glffct-', 'glrt-', 'glsoat-'), run(WORD, 20)),
  'GitLab, mail and agents': form(of('glimt-', 'glagent-', 'gloas-'), run(WORD, 64)),
  'GitLab, trigger': form('glptt-', run(HEX, 40)),
  'GitLab, runner': form('GR1348941', run(WORD, 20)),
  npm: form('npm_', run(ALNUM, 36)),
  PyPI: form('pypi-AgEIcHlwaS5vcmc', run(WORD, 50, 200)),
  RubyGems: form('rubygems_', run(HEX, 48)),
  'Slack, bot': form('xoxb-', run(DIGITS, 10, 13), '-', run(DIGITS, 10, 13), '-', run(ALNUM, 24)),
  'Slack, user': form(of('xoxp', 'xoxe'), '-', run(DIGITS, 12), '-', run(DIGITS, 12), '-', run(ALNUM, 32)),
  'Slack, configuration': form('xoxe.xoxp-1-', run(UPPER + DIGITS, 163)),
  'Slack, app': form('xapp-1-', run(UPPER + DIGITS, 11), '-', run(DIGITS, 13), '-', run(HEX, 64)),
  'Slack, webhook': form('hooks.slack.com/services/', run(BASE64, 43, 56)),
  Stripe: form(of('sk', 'rk', 'pk'), '_', of('live', 'test', 'prod'), '_', run(ALNUM, 10, 99)),
  'Stripe, webhook': form('whsec_', run(ALNUM, 32)),
  Square: form('sq0atp-', run(WORD, 22, 60)),
  Shopify: form(of('shpat', 'shpca', 'shppa', 'shpss'), '_', run(HEX, 32)),
  Twilio: form('SK', run(HEX, 32)),
  SendGrid: form('SG.', run(`${ALNUM}_-`, 22), '.', run(`${ALNUM}_-`, 43)),
  Brevo: form('xkeysib-', run(HEX, 64), '-', run(LOWER + DIGITS, 16)),
  Mailgun: form('key-', run(HEX, 32)),
  Telegram: form(run(DIGITS, 10), ':A', run(WORD, 34)),
  Notion: form('ntn_', run(DIGITS, 11), run(ALNUM, 35)),
  Linear: form('lin_api_', run(ALNUM, 40)),
  Airtable: form('pat', run(ALNUM, 14), '.', run(HEX, 64)),
  Atlassian: form('ATATT3', run(`${WORD}=`, 186)),
  Postman: form('PMAK-', run(HEX, 24), '-', run(HEX, 34)),
  Doppler: form('dp.pt.', run(ALNUM, 43)),
  'HashiCorp Vault': form('hvs.', run(WORD, 90, 120)),
  'Grafana, service account': form('glsa_', run(ALNUM, 32), '_', run(HEX, 8)),
  'Grafana, cloud': form('glc_', run(BASE64, 32, 200)),
  Sentry: form('sntryu_', run(HEX, 64)),
  PlanetScale: form('pscale_tkn_', run(`${ALNUM}_.-`, 43)),
  Prefect: form('pnu_', run(ALNUM, 36)),
  Pulumi: form('pul-', run(HEX, 40)),
  ReadMe: form('rdme_', run(LOWER + DIGITS, 70)),
  'Fly.io': form('fo1_', run(WORD, 43)),
  'Cloudflare, origin': form('v1.0-', run(HEX, 24), '-', run(HEX, 146)),
  Artifactory: form('AKCp', run(ALNUM, 69)),
  age: form('AGE-SECRET-KEY-1', run('QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L', 58)),
  '1Password': form('ops_eyJ', run(BASE64, 250)),
  'a private key': form(
    '-----BEGIN ',
    of('', 'RSA ', 'EC ', 'OPENSSH ', 'ENCRYPTED ', 'PGP '),
    'PRIVATE KEY-----',
    of('\n', '\\n', '\r\n'),
    run(`${BASE64}\n`, 100, 2_000),
    '\n-----END RSA PRIVATE KEY-----',
  ),
}

const around = fc.oneof(
  of(
    '',
    ' ',
    'the key is "',
    '= ',
    '\n',
    '(',
    'token: ',
    "curl -H 'x-key: ",
    'Käse, ',
    '日本語 ',
    'a "b" = ',
  ),
  fc.string({ unit: fc.constantFrom(...'abc .,;\n"\'({['), maxLength: 30 }).map((text) => `${text} `),
)
const after = of('', ' ', '" is it', '\n', "'", ') and more', ', then', '; no', '<br>', '}')

test.each(Object.entries(FORMS))('a key of the form of %s is taken out whole, and nothing else', (_, key) => {
  fc.assert(
    fc.property(around, key, after, (before, key, after) => {
      expect(withoutSecrets(`${before}${key}${after}`)).toBe(`${before}<key>${after}`)
    }),
    { numRuns: runs(60) },
  )
})

test('a private key that is cut off is taken out as far as it goes, and what follows is kept', () => {
  const lines = Array.from(
    { length: 5 },
    (_, at) => `${String(at).repeat(20)}ABCDEFGHabcdefgh+/0123456789abcdefghij==`,
  )
  for (const end of ['\n', '\\n', '\r\n'])
    expect(withoutSecrets(`so: -----BEGIN PRIVATE KEY-----${end}${lines.join(end)}${end}and it ends.`)).toBe(
      `so: <key>${end}and it ends.`,
    )
  expect(withoutSecrets('It begins with -----BEGIN PRIVATE KEY----- as a rule.')).toBe(
    'It begins with <key> as a rule.',
  )
})

test('what names itself or stands in an address is known by what is around it', () => {
  const secret = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'
  for (const name of ['aws_secret_access_key = ', 'AWS_SECRET_ACCESS_KEY="', '"awsSecretAccessKey": "'])
    expect(withoutSecrets(`${name}${secret}`)).toBe(`${name}<key>`)
})

/** Ordinary texts: sentences, code, ids, hashes, addresses, numbers. */
const ordinary = fc.oneof(
  of(
    'The task-force asked risk-averse people at 10:30, and pk-something was not among them.',
    'const sk = key_of(table); if (sk_test) return sk_live; // gl-shader, npm_config_registry',
    'export npm_package_name=web; AKIA is a prefix; hf_model = load("bert-base"); xoxb',
    'import { createClient } from "@supabase/supabase-js"',
    'https://example.com/a/b?c=d#e, user@example.com, 192.168.0.1:8080, v1.0-rc.2',
    '2026-11-29T18:00:00.000Z +49 30 1234567 $1,234.56 100%',
    'SKU 12345678, SK-II, key-value store, dapi, pat, SG. Berlin',
    'sha512-abc== integrity; -----BEGIN CERTIFICATE-----; -----BEGIN PUBLIC KEY-----',
  ),
  fc.uuid(),
  run(HEX, 32),
  run(HEX, 40),
  run(HEX, 64).map((hash) => `sha256:${hash}`),
  run(DIGITS, 1, 20),
  fc.lorem(),
  fc.emailAddress(),
  fc.ipV6(),
  fc.webUrl(),
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  fc.array(run(LOWER, 1, 14), { minLength: 2, maxLength: 20 }).map((words) => words.join('-')),
  fc.array(run(LOWER, 1, 14), { minLength: 2, maxLength: 20 }).map((words) => words.join('_')),
)

test('ordinary prose, code, ids and hashes are left as they are', () => {
  fc.assert(
    fc.property(fc.array(ordinary, { maxLength: 8 }), of(' ', '\n', ', ', '; '), (texts, by) => {
      const text = texts.join(by)
      // A word of these letters may be a key's own prefix by chance: `sk-` and 16 letters is one.
      fc.pre(!/(?<![a-z0-9])(?:(?:sk|pk|rk|gwk)-|xox[a-z]-|xapp-)/i.test(text.replace('pk-something', '')))
      expect(withoutSecrets(text)).toBe(text)
    }),
    { numRuns: runs(600) },
  )
})
