const UNRESERVED = /[\w.~-]/

/**
 * Creates a function that returns an address as `fetch` sends it: `HTTPS://API.openai.com:443/v1/./a` is
 * `https://api.openai.com/v1/a`. An escaped letter of the path counts as that letter (RFC 3986, section 6.2.2.2). Text that is
 * no address is returned unchanged. Keeps the last result, since most calls have one address.
 */
export function createCanonicalUrl(): (given: string) => string {
  let last = { given: '', url: '' }
  return (given) => {
    if (last.given !== given) last = { given, url: canonical(given) }
    return last.url
  }
}

function canonical(given: string): string {
  const href = URL.parse(given)?.href ?? given
  return href.includes('%') ? href.replace(/^[^?#]*/, unescaped) : href
}

const unescaped = (path: string) =>
  path.replace(/%[\da-f]{2}/gi, (code) => {
    const character = String.fromCharCode(Number.parseInt(code.slice(1), 16))
    return UNRESERVED.test(character) ? character : code
  })
