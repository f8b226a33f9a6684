import { readTemplate } from '../core/templates.ts'
import type { AddressOf } from './form.ts'

/** How a secret is made. `null` in the catalogue: it comes from elsewhere, and is stored by `secrets set`. */
export type Make =
  | 'sk-32'
  | 'team-32'
  | 'team-43'
  | 'chars-24'
  | 'chars-32'
  | 'hex-32-bytes'
  | 'base64-32-bytes'
  | 'pk-lf'
  | 'sk-lf'

export type SecretEntry = {
  name: string
  make: Make | null
  /** Team of the policy whose key it is. */
  team?: string
  /** Langfuse profile that needs it. Absent: both. */
  profile?: 'thin' | 'current'
  /** What it is the address of. Absent: it is no address. */
  address?: AddressOf
  /** Days after which a new one is due. `null`: rotating it breaks what it protects; `purpose` says what. */
  rotateDays: number | null
  purpose: string
}

export type Catalogue = {
  secrets: SecretEntry[]
  /** Values of each app's variables, with `${NAME}` for a secret or an answer. */
  apps: Record<string, Record<string, string>>
}

/** Returns the shipped catalogue (packages/infra/secrets.json), which `npm run check` there has checked. */
export function loadCatalogue(): Catalogue {
  return JSON.parse(readTemplate('secrets.json')) as Catalogue
}

/** Returns the secrets that a deployment with this profile of Langfuse needs. */
export const secretsOf = ({ secrets }: Catalogue, profile: 'thin' | 'current'): SecretEntry[] =>
  secrets.filter((entry) => entry.profile === undefined || entry.profile === profile)
