/**
 * Matches OpenAI's hosts, whose streams report usage on request (`stream_options.include_usage`): `api.openai.com` and its
 * regions. The SDK lists the regions as `dataResidency` (us, eu, ae, au, in, jp in openai 7.57, `internal/data-residency`).
 * Others may be added, so every subdomain of `api.openai.com` matches.
 */
const OPENAI = /^(?:[a-z0-9-]+\.)?api\.openai\.com$/

/**
 * Matches Azure's hosts of a resource, in the public and the government cloud. Source: Microsoft, "Azure OpenAI in Azure AI
 * Foundry Models REST API reference"; "Azure Government" (endpoint suffixes).
 */
const AZURE = /\.(?:openai\.azure|services\.ai\.azure|cognitiveservices\.azure)\.(?:com|us)$/

/**
 * First dated version of Azure's API that lists `stream_options`; the first generally available one is 2024-10-21. Older
 * versions refuse the field. Paths below `/openai/v1` follow OpenAI's own API. Source: Microsoft,
 * "Azure OpenAI API preview lifecycle", changes of 2024-09-01-preview.
 */
const AZURE_SINCE = '2024-09-01'

/** Returns whether an address is on Azure. */
export const isAzure = (url: string): boolean => AZURE.test(URL.parse(url)?.hostname ?? '')

/** Returns whether streams of this address report usage on request. For others the policy's `streamUsage` decides. */
export function tellsUsage(address: string): boolean {
  if (address.startsWith('https://api.openai.com/')) return true
  const url = URL.parse(address)
  if (url?.protocol !== 'https:') return false
  if (OPENAI.test(url.hostname)) return true
  if (!AZURE.test(url.hostname)) return false
  const version = url.searchParams.get('api-version')
  if (version === null) return /^\/openai\/v1\//.test(url.pathname)
  return !/^\d{4}-/.test(version) || version.slice(0, AZURE_SINCE.length) >= AZURE_SINCE
}
