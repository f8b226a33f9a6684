import { Hash } from '@smithy/hash-node'
import { SignatureV4 } from '@smithy/signature-v4'
import type { Entry } from '../upstream.ts'
import { OF_SESSION, SECRET } from './forms.ts'

/** `undefined`: the request is signed, and as it arrived; else what is wrong with it. */
export async function unsigned({ method, url, headers, body }: Entry): Promise<string | undefined> {
  const { authorization = '', host = '' } = headers
  const names = /SignedHeaders=([^,]+)/.exec(authorization)?.[1]?.split(';') ?? []
  const date = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(headers['x-amz-date'] ?? '')
  if (names.length === 0 || date === null) return 'it has no signature'
  const [, year, month, day, hour, minute, second] = date.map(Number)
  const [path = '', query = ''] = url.split('?', 2)
  const credentials = names.includes('x-amz-security-token') ? OF_SESSION : SECRET
  const signer = new SignatureV4({
    credentials,
    region: 'us-west-2',
    service: 'bedrock-mantle',
    sha256: Hash.bind(null, 'sha256'),
  })
  const signed = await signer.sign(
    {
      ...{ protocol: 'http:', hostname: host.split(':')[0] ?? '', method, path, body },
      query: Object.fromEntries(new URLSearchParams(query)),
      headers: Object.fromEntries(names.map((name) => [name, headers[name] ?? ''])),
    },
    { signingDate: new Date(Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second)) },
  )
  return signed.headers.authorization === authorization ? undefined : 'its signature is of another request'
}
