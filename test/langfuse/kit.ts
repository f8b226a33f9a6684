import type { CallRecord, GatewayOptions } from '@hotdash/llm-gateway'
import { type FakeLangfuse, type LangfuseVersion, startFakeLangfuse } from '@hotdash/llm-gateway-testing'
import { onTestFinished } from 'vitest'
import { setup } from '../support.ts'

export const VERSIONS: LangfuseVersion[] = ['2.95.12', '4.16.0']

/** A folder with Langfuse's own `openapi-v2.95.12.yml` and `openapi-v4.16.0.yml`, to check all that is sent against. */
const { TEST_LANGFUSE_OPENAPI: descriptions } = process.env

export async function stand(version: LangfuseVersion): Promise<FakeLangfuse> {
  const langfuse = await startFakeLangfuse({
    version,
    publicKey: 'pk-lf-public-0123456789',
    secretKey: 'sk-lf-secret-0123456789',
    ...(descriptions ? { apiDescription: `${descriptions}/openapi-v${version}.yml` } : {}),
  })
  onTestFinished(() => langfuse.close())
  return langfuse
}

export const optionsFor = ({ baseURL, publicKey, secretKey }: FakeLangfuse) => ({
  baseUrl: baseURL,
  publicKey,
  secretKey,
})

/** A client at a fake upstream, whose records go to a stand-in of that version. */
export async function traced(version: LangfuseVersion, gateway: GatewayOptions = {}) {
  const langfuse = await stand(version)
  const parts = await setup({ langfuse: optionsFor(langfuse), ...gateway })
  return { langfuse, ...parts, sink: () => parts.client.gateway.stats().sinks?.langfuse }
}

/** How many of these calls a server holds whole: trace, generation and each score. */
export function heldOf({ traces, observations, scores }: FakeLangfuse, records: CallRecord[]): number {
  const byCall = new Map([...observations.values()].map((each) => [each.metadata.call, each]))
  const scored = new Map<string | undefined, number>()
  for (const { observationId } of scores.values())
    scored.set(observationId, (scored.get(observationId) ?? 0) + 1)
  return records.filter((record) => {
    const observation = byCall.get(record.id)
    if (observation === undefined || !traces.has(observation.traceId)) return false
    return (scored.get(observation.id) ?? 0) === scoresOf(record)
  }).length
}

function scoresOf({ operation, cache }: CallRecord): number {
  if (operation === 'other') return 0
  return cache === 'bypass' ? 1 : 2
}
