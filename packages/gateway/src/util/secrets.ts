/**
 * Formats of API keys: prefixes, lengths and letters. Source: gitleaks, config/gitleaks.toml at commit b58d3f1
 * (2026-07), the facts and not the expressions; OpenAI, Anthropic, Langfuse, Supabase, Groq, xAI and Replicate from
 * their own documentation. A key longer than its format is matched whole. Each format is a prefix and a run of
 * letters with nothing after it: no attempt fails after more than the shortest length, so that the search takes time
 * linear in the text.
 */
const FORMS: [service: string, form: string][] = [
  ['OpenAI, Anthropic, Langfuse', '(?:sk|pk|rk)-[\\w-]{16,}'],
  ["the gateway's own team keys", 'gwk-[\\w-]{16,}'],
  ['Supabase', 'sb_(?:secret|publishable)_[\\w-]{16,}|sbp_[a-f0-9]{40,}'],
  ['Groq, xAI, Replicate', 'gsk_\\w{40,}|xai-\\w{60,}|r8_\\w{37,}'],
  ['Perplexity', 'pplx-[A-Za-z0-9]{40,}'],
  ['Hugging Face', '(?:hf|api_org)_[A-Za-z0-9]{30,}'],
  ['Google', 'AIza[\\w-]{30,}|GOCSPX-[\\w-]{20,}|ya29\\.[\\w.-]{20,}'],
  ['AWS', '(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{12,}|ABSK[A-Za-z0-9+/=]{100,}'],
  ['AWS Bedrock, short-lived', 'bedrock-api-key-[A-Za-z0-9+/=]{20,}'],
  ['Azure', 'AccountKey=[A-Za-z0-9+/=]{40,}'],
  ['Alibaba', 'LTAI[A-Za-z0-9]{20,}'],
  ['DigitalOcean', 'do[opr]_v1_[a-f0-9]{60,}'],
  ['Databricks', 'dapi[a-f0-9]{32,}'],
  ['GitHub', '(?:gh[oprsu]_|github_pat_)[\\w-]{12,}'],
  ['GitLab', 'gl(?:pat|dt|rt|cbt|ptt|ft|soat|imt|agent|oas|ffct)-[\\w.-]{20,}|GR1348941[\\w-]{20,}'],
  ['GitLab, a session', '_gitlab_session=[0-9a-z]{32,}'],
  ['npm', 'npm_[A-Za-z0-9]{30,}'],
  ['PyPI', 'pypi-[\\w-]{50,}'],
  ['RubyGems', 'rubygems_[a-f0-9]{48,}'],
  ['Slack', 'xox[a-z](?:\\.xox[a-z])?-[\\w-]{10,}|xapp-[\\w-]{16,}'],
  ['Slack, a webhook', 'hooks\\.slack\\.com/(?:services|workflows|triggers)/[\\w+/]{30,}'],
  ['Stripe', '(?:sk|rk|pk)_(?:test|live|prod)_\\w{10,}|whsec_[A-Za-z0-9+/=]{24,}'],
  ['Square', 'sq0[a-z]{3}-[\\w-]{22,}'],
  ['Shopify', 'shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32,}'],
  ['Twilio', 'SK[0-9A-Fa-f]{32,}'],
  ['SendGrid', 'SG\\.[\\w.=-]{60,}'],
  ['Brevo', 'xkeysib-[a-z0-9-]{60,}'],
  ['Mailgun', '(?:pub)?key-[a-f0-9]{32,}'],
  ['Telegram', '\\d{8,10}:A[\\w-]{34,}'],
  ['Notion', 'ntn_[A-Za-z0-9]{40,}'],
  ['Linear', 'lin_(?:api|oauth)_[A-Za-z0-9]{40,}'],
  ['Airtable', 'pat[A-Za-z0-9]{14}\\.[a-f0-9]{60,}'],
  ['Atlassian', 'ATATT3[\\w=-]{100,}'],
  ['Postman', 'PMAK-[a-f0-9-]{50,}'],
  ['Doppler', 'dp\\.[a-z]{2,5}\\.[A-Za-z0-9]{40,}'],
  ['HashiCorp', 'hv[bs]\\.[\\w-]{90,}'],
  ['Grafana', 'glsa_\\w{40,}|glc_[A-Za-z0-9+/=]{32,}|eyJrIjoi[A-Za-z0-9+/=]{60,}'],
  ['Sentry', 'sntry[su]_[\\w+/=]{60,}'],
  ['PlanetScale', 'pscale_(?:tkn|oauth|pw)_[\\w=.-]{32,}'],
  ['Prefect, Pulumi', 'pnu_[A-Za-z0-9]{36,}|pul-[a-f0-9]{40,}'],
  ['ReadMe', 'rdme_[a-z0-9]{70,}'],
  ['Fly.io', 'fo1_[\\w-]{43,}|fm[12][ar]?_[A-Za-z0-9+/=]{100,}'],
  ['Cloudflare', 'v1\\.0-[a-f0-9]{24}-[a-f0-9]{140,}'],
  ['Artifactory', 'AKCp[A-Za-z0-9]{60,}|cmVmd[A-Za-z0-9]{59,}'],
  ['age', 'AGE-SECRET-KEY-1[A-Z0-9]{50,}'],
  ['1Password', 'ops_eyJ[A-Za-z0-9+/=]{200,}|A3-[A-Z0-9]{6}-[A-Z0-9-]{20,}'],
]

const KEYS = new RegExp(`(?<![A-Za-z0-9])(?:${FORMS.map(([, form]) => form).join('|')})`, 'g')

/** Keys that are recognised by the text before or around them. */
const OTHERS: [RegExp, string][] = [
  [/(?<![\w-])ey[A-Za-z0-9][\w-]{8,}\.[\w-]{8,}\.[\w-]+/g, '<token>'],
  [/\b(Bearer|Basic)\s{1,4}[A-Za-z0-9+/=_.~-]{16,}/gi, '$1 <key>'],
  [/\b([a-z][a-z0-9+.-]{1,20}:\/\/[^\s:/@]{0,100}):[^\s/@]{1,200}@/gi, '$1:<key>@'],
  [/\b(aws_?secret_?(?:access_?)?key["']?\s{0,4}[:=]\s{0,4}["']?)[A-Za-z0-9+/]{40}/gi, '$1<key>'],
  [/(?<![\w.~-])[\w.~]{3}\dQ~[\w.~-]{31,34}/g, '<key>'],
]

/** Replaces every key by a placeholder. */
export function withoutSecrets(text: string): string {
  const rest = withoutPem(text).replace(KEYS, '<key>')
  return OTHERS.reduce((text, [what, by]) => text.replace(what, by), rest)
}

const BEGIN = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g
const END = /-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g
/** The largest private keys have some 13,000 characters. */
const MOST_PEM = 20_000
/** Lines of a key without its end, as plain text or inside a JSON text. */
const LINES = /(?:(?:\\[nr]|[\s"',])*[A-Za-z0-9+/=]{16,})*/y

/** Removes blocks from BEGIN to END; without an END, all lines that look like key material. */
function withoutPem(text: string): string {
  if (!text.includes('PRIVATE KEY')) return text
  const ends = [...text.matchAll(END)].map((match) => match.index + match[0].length)
  let rest = ''
  let from = 0
  let nextEnd = 0
  for (const { index, 0: line } of text.matchAll(BEGIN)) {
    if (index < from) continue
    const body = index + line.length
    while ((ends[nextEnd] ?? Number.POSITIVE_INFINITY) < body) nextEnd += 1
    const end = ends[nextEnd]
    rest += `${text.slice(from, index)}<key>`
    from = end !== undefined && end - body < MOST_PEM ? end : afterLines(text, body)
  }
  return rest + text.slice(from)
}

function afterLines(text: string, at: number): number {
  LINES.lastIndex = at
  return at + (LINES.exec(text)?.[0].length ?? 0)
}
